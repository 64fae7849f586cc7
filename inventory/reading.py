"""One list of Graph, read completely: every page, every property that the list leaves out, every child collection.

A failure of the list itself is raised: what the tenant has is then unknown. A failure about one object is handed on with
that object: it was listed, so it exists, but its content is unknown.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote

from inventory.types import registry
from inventory.types.base import Child, Listing, ObjectType
from inventory.types.facts import clean, name_of
from operations.context import RunContext
from operations.failures import Failure
from providers.graph.client import BatchRequest, GraphClient, GraphReply

Document = dict[str, Any]

# One `$batch` of Graph holds 20 requests; whole objects are completed together, so that few are in memory at a time.
ROWS_AT_ONCE = 20
CHUNKS_AT_ONCE = 4
# Objects handed on together: one transaction of the store.
CHUNK = 200


@dataclass(frozen=True, slots=True)
class Found:
    """An object read completely. `unknown` is an `@odata.type` that no declaration names."""

    type: ObjectType
    id: str
    document: Document
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Unread:
    """An object that was listed and could not be read. `id` is empty where not even that was given."""

    type: ObjectType
    id: str
    name: str
    failure: Failure


@dataclass(slots=True)
class Chunk:
    found: list[Found] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)


@dataclass(slots=True)
class _Draft:
    """An object in the making."""

    type: ObjectType
    id: str
    document: Document
    unknown: str
    failure: Failure | None = None


def read_listing(client: GraphClient, listing: Listing, *, run: RunContext, types: frozenset[str]) -> Iterator[Chunk]:
    """Yield the objects of `types` in `listing`. Only a generator that ends has seen the whole list.

    Raises Failure when the list cannot be read to its end.
    """
    rows = ROWS_AT_ONCE if listing.children or listing.detail else CHUNK
    work = _split(_pages(client, listing, run=run, types=types), rows)
    # Even where nothing is left to ask for, a thread of its own fetches the next page while this one is stored.
    workers = CHUNKS_AT_ONCE if listing.children or listing.detail else 1
    yield from _join(run.map(partial(_complete, client, listing), work, workers=workers))


def _pages(
    client: GraphClient, listing: Listing, *, run: RunContext, types: frozenset[str]
) -> Iterator[tuple[Chunk, list[_Draft]]]:
    seen: set[str] = set()
    for reply in _replies(client, listing):
        run.beat()
        chunk, drafts = Chunk(), []
        for row in _rows(listing, reply.body):
            draft = _draft(listing, row)
            if isinstance(draft, Unread):
                chunk.unread.append(draft)
            # Pages of a list that changes meanwhile may overlap.
            elif draft.id not in seen and draft.type.key in types:
                seen.add(draft.id)
                drafts.append(draft)
        yield chunk, drafts


def _replies(client: GraphClient, listing: Listing) -> Iterator[GraphReply]:
    """Every page of the list, or of each list below a parent."""
    for parent in _parents(client, listing):
        first = _first(client, listing, parent)
        if first is not None:
            yield first
            yield from client.follow(first)


def _parents(client: GraphClient, listing: Listing) -> Iterator[str]:
    if listing.below is None:
        yield ""
        return
    for reply in _replies(client, listing.below):
        for row in _members(reply.body):
            identity = row.get("id") if isinstance(row, dict) else None
            if not isinstance(identity, str) or not identity:
                raise Failure("response_malformed", f"A row of {listing.below.label} has no usable id.")
            yield quote(identity, safe="")


def _first(client: GraphClient, listing: Listing, parent: str) -> GraphReply | None:
    """The first page; None where Graph says that the tenant has nothing of the kind."""
    try:
        return client.get(listing.address(parent=parent), version=listing.version)
    except Failure as failure:
        if listing.exists and failure.code == "not_found":
            return None
        # Expanding inline children is an attempt: not every service does it in every list.
        if failure.code != "bad_request" or not any(child.inline for child in listing.children):
            raise
    return client.get(listing.address(inline=False, parent=parent), version=listing.version)


def _rows(listing: Listing, body: Document) -> list[Any]:
    rows = [body] if listing.single else _members(body)
    return [row for row in rows if not isinstance(row, dict) or listing.exists is None or listing.exists(row)]


def _draft(listing: Listing, row: Any) -> _Draft | Unread:
    body = row if isinstance(row, dict) else {}
    classified = registry.classify(listing, body)
    # A single object is told by its place: some have no id, and a renewed one is still the same to people.
    identity = listing.path.rpartition("/")[2] if listing.single else body.get("id")
    if not isinstance(identity, str) or not identity or len(identity) > 255 or "\x00" in identity:
        name = name_of(classified.type, body)
        return Unread(classified.type, "", name, Failure("response_malformed", "A row of the list has no usable id."))
    return _Draft(classified.type, identity, body, classified.unknown)


def _split(pages: Iterable[tuple[Chunk, list[_Draft]]], rows: int) -> Iterator[tuple[Chunk, list[_Draft]]]:
    for chunk, drafts in pages:
        if not drafts:
            yield chunk, []
        for start in range(0, len(drafts), rows):
            yield (chunk if start == 0 else Chunk()), drafts[start : start + rows]


def _join(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    whole = Chunk()
    for chunk in chunks:
        whole.found += chunk.found
        whole.unread += chunk.unread
        if len(whole.found) >= CHUNK:
            yield whole
            whole = Chunk()
    yield whole


def _finish(chunk: Chunk, drafts: Iterable[_Draft]) -> Chunk:
    for draft in drafts:
        if draft.failure is None:
            draft.document.pop("@odata.context", None)
            _forget_secrets(draft)
            chunk.found.append(Found(draft.type, draft.id, draft.document, draft.unknown))
        else:
            name = name_of(draft.type, draft.document) or clean(draft.id, 255)
            chunk.unread.append(Unread(draft.type, draft.id, name, draft.failure))
    return chunk


def _forget_secrets(draft: _Draft) -> None:
    """Live secrets that Graph hands out go no further: that there is one is kept, what it is is not."""
    for name in draft.type.never_stored:
        if draft.document.get(name) is not None:
            draft.document[name] = None


def _complete(client: GraphClient, listing: Listing, work: tuple[Chunk, list[_Draft]]) -> Chunk:
    """Everything that the list left out, for a few objects."""
    chunk, drafts = work
    jobs: list[_Job] = []
    detail = listing.detail
    for draft in drafts:
        path = f"{listing.path}/{quote(draft.id, safe='')}"
        if detail is not None and (detail.when is None or detail.when(draft.document)):
            jobs.append(_Job(draft, path, detail.query, partial(_take_detail, draft)))
        jobs += _child_jobs(draft, draft.document, path, listing.children)
    _work_off(client, listing, jobs)
    return _finish(chunk, _follow_cut(client, drafts))


@dataclass(slots=True)
class _Job:
    """One request for one object, and what to do with the answer; that may ask for more.

    `optional`: what is asked for may not be there, so that Graph's 404 is an empty answer.
    """

    draft: _Draft
    path: str
    query: str
    take: Callable[[Document], "list[_Job]"]
    optional: bool = False


def _child_jobs(draft: _Draft, parent: Document, path: str, children: tuple[Child, ...]) -> list[_Job]:
    jobs = []
    for child in children:
        if child.is_in(parent) or (child.when is not None and not child.when(parent)):
            continue
        address = f"{path}/{child.segment(parent)}"
        take = (
            partial(_take_one, parent, child) if child.single else partial(_take_child, draft, parent, address, child)
        )
        jobs.append(_Job(draft, address, child.query, take, optional=child.single))
    return jobs


def _take_detail(draft: _Draft, body: Document) -> list[_Job]:
    if body.get("id") != draft.id:
        raise Failure("response_malformed", "Graph answered with another object.")
    # In place: the children of this draft are being added to the same document.
    draft.document.update(body)
    return []


def _take_one(parent: Document, child: Child, body: Document) -> list[_Job]:
    """One object below another, or the value of a property that has an address of its own; nothing is null."""
    parent[child.name] = {name: value for name, value in body.items() if name != "@odata.context"} or None
    return []


def _take_child(draft: _Draft, parent: Document, path: str, child: Child, body: Document) -> list[_Job]:
    members = _members(body)
    parent[child.name] = members
    parent.pop(f"{child.name}@odata.nextLink", None)
    if link := body.get("@odata.nextLink"):
        parent[f"{child.name}@odata.nextLink"] = link
    if not child.children:
        return []
    jobs: list[_Job] = []
    for member in members:
        identity = member.get("id") if isinstance(member, dict) else None
        if not isinstance(identity, str) or not identity:
            raise Failure("response_malformed", f"A member of {child.name} has no id.")
        jobs += _child_jobs(draft, member, f"{path}/{quote(identity, safe='')}", child.children)
    return jobs


def _work_off(client: GraphClient, listing: Listing, jobs: list[_Job]) -> None:
    while jobs:
        by_id = {str(number): job for number, job in enumerate(jobs) if job.draft.failure is None}
        requests = [
            BatchRequest(id=number, method="GET", path=_address(job.path, job.query), version=listing.version)
            for number, job in by_id.items()
        ]
        jobs = []
        for request, reply in client.batch(requests):
            job = by_id[request.id]
            try:
                if isinstance(reply, Failure):
                    if not (job.optional and reply.code == "not_found"):
                        raise reply
                    jobs += job.take({})
                else:
                    jobs += job.take(reply.body)
            except Failure as failure:
                if failure.fatal:
                    raise
                job.draft.failure = job.draft.failure or failure


def _follow_cut(client: GraphClient, drafts: list[_Draft]) -> list[_Draft]:
    """Collections that came inside a document may be cut, with the address of the rest beside them."""
    for draft in drafts:
        for mark in [key for key in draft.document if key.endswith("@odata.nextLink")]:
            if draft.failure is None:
                try:
                    _append_rest(client, draft.document, mark)
                except Failure as failure:
                    if failure.fatal:
                        raise
                    draft.failure = failure
    return drafts


def _append_rest(client: GraphClient, document: Document, mark: str) -> None:
    members, link = document.get(mark.removesuffix("@odata.nextLink")), document.pop(mark)
    if not isinstance(members, list) or not isinstance(link, str):
        raise Failure("response_malformed", "A cut collection has no address of its rest.")
    for reply in client.follow(GraphReply(200, {"@odata.nextLink": link}, b"", "")):
        members += _members(reply.body)


def _members(body: Document) -> list[Any]:
    members = body.get("value")
    if not isinstance(members, list):
        raise Failure("response_malformed", "A list came without its members.")
    return members


def _address(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path
