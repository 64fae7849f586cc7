"""Settings catalog policies and the reusable settings they share."""

from functools import cache

from providers.sandbox.blueprints.maker import GRAPH, Body, Made, Maker
from providers.sandbox.blueprints.names import PLATFORMS

_CONFIGURATION = f"{GRAPH}deviceManagementConfiguration"
# Areas and settings of the Policy CSP (Microsoft's reference of configuration service providers), in the catalog's spelling.
_CSP = {
    "defender": "allowarchivescanning allowbehaviormonitoring allowcloudprotection allowemailscanning "
    "allowfullscanonmappednetworkdrives allowfullscanremovabledrivescanning allowintrusionpreventionsystem allowioavprotection "
    "allowrealtimemonitoring allowscanningnetworkfiles allowscriptscanning allowuseruiaccess avgcpuloadfactor "
    "checkforsignaturesbeforerunningscan cloudblocklevel cloudextendedtimeout daystoretaincleanedmalware "
    "disablecatchupfullscan disablecatchupquickscan enablelowcpupriority enablenetworkprotection excludedextensions "
    "excludedpaths excludedprocesses puaprotection realtimescandirection scanparameter schedulequickscantime scheduescanday "
    "schedulescantime signatureupdateinterval submitsamplesconsent",
    "devicelock": "allowidlereturnwithoutpassword allowsimpledevicepassword alphanumericdevicepasswordrequired "
    "devicepasswordenabled devicepasswordexpiration devicepasswordhistory maxdevicepasswordfailedattempts "
    "maxinactivitytimedevicelock mindevicepasswordcomplexcharacters mindevicepasswordlength minimumpasswordage "
    "preventenablinglockscreencamera preventlockscreenslideshow",
    "update": "activehoursend activehoursmaxrange activehoursstart allowautoupdate allowmuupdateservice "
    "allownonmicrosoftsignedupdate allowupdateservice autorestartdeadlineperiodindays "
    "configuredeadlineforfeatureupdates configuredeadlineforqualityupdates configuredeadlinegraceperiod "
    "deferfeatureupdatesperiodindays deferqualityupdatesperiodindays disabledualscan excludewudriversinqualityupdate "
    "scheduledinstallday scheduledinstalltime setdisablepauseuxaccess setdisableuxwuaccess updateserviceurl",
    "experience": "allowclipboardhistory allowcortana allowdevicediscovery allowfindmydevice allowmanualmdmunenrollment "
    "allowscreencapture allowsyncmysettings allowtailoredexperienceswithdiagnosticdata allowthirdpartysuggestionsinwindowsspotlight "
    "allowwindowsconsumerfeatures allowwindowsspotlight allowwindowstips configurechaticonvisibilityonthetaskbar "
    "donotshowfeedbacknotifications donotsyncbrowsersettings preventusersfromturningonbrowsersyncing",
    "system": "allowbuildpreview allowcommercialdatapipeline allowdevicenameindiagnosticdata allowembeddedmode "
    "allowexperimentation allowfontproviders allowlocation allowstoragecard allowtelemetry allowusertoresetphone "
    "configuretelemetryoptinchangenotification configuretelemetryoptinsettingsux disabledevicedelete "
    "disablediagnosticdataviewer disableonedrivefilesync disablesystemrestore limitenhanceddiagnosticdatawindowsanalytics",
    "privacy": "allowautoacceptpairingandprivacyconsentprompts allowcrossdeviceclipboard allowinputpersonalization "
    "disableadvertisingid disableprivacyexperience enableactivityfeed letappsaccessaccountinfo letappsaccesscalendar "
    "letappsaccesscamera letappsaccesscontacts letappsaccesslocation letappsaccessmicrophone letappsaccessnotifications "
    "publishuseractivities uploaduseractivities",
    "localpoliciessecurityoptions": "accounts_blockmicrosoftaccounts accounts_enableadministratoraccountstatus "
    "accounts_enableguestaccountstatus accounts_limitlocalaccountuseofblankpasswordstoconsolelogononly "
    "accounts_renameadministratoraccount accounts_renameguestaccount interactivelogon_donotdisplaylastsignedin "
    "interactivelogon_donotrequirectrlaltdel interactivelogon_machineinactivitylimit "
    "interactivelogon_messagetextforusersattemptingtologon interactivelogon_messagetitleforusersattemptingtologon "
    "interactivelogon_smartcardremovalbehavior microsoftnetworkclient_digitallysigncommunicationsalways "
    "networkaccess_donotallowanonymousenumerationofsamaccounts networksecurity_lanmanagerauthenticationlevel "
    "useraccountcontrol_behavioroftheelevationpromptforadministrators useraccountcontrol_runalladministratorsinadminapprovalmode",
    "start": "allowpinnedfolderdocuments allowpinnedfolderdownloads allowpinnedfoldersettings configurestartpins "
    "disablecontextmenus hideapplist hidechangeaccountsettings hidefrequentlyusedapps hidehibernate hidelock "
    "hidepeoplebar hidepowerbutton hiderecentjumplists hiderecentlyaddedapps hiderestart hideshutdown hidesignout "
    "hideswitchaccount showorhidemostusedapps startlayout",
    "connectivity": "allowbluetooth allowcellulardata allowconnecteddevices allownfc allowusbconnection allowvpnovercellular "
    "disabledownloadingofprintdriversoverhttp diablingprintingoverhttp hardeneduncpaths prohibitinstallationandconfigurationofnetworkbridge",
    "search": "allowcloudsearch allowcortanainaad allowfindmyfiles allowindexingencryptedstoresoritems "
    "allowsearchtouselocation disablebackoff disableremovabledriveindexing donotusewebresults preventremotequeries",
    "wifi": "allowautoconnecttowifisensehotspots allowinternetsharing allowmanualwificonfiguration allowwifi allowwifidirect wlanscanmode",
    "smartscreen": "enableappinstallcontrol enablesmartscreeninshell preventoverrideforfilesinshell",
    "accounts": "allowaddingnonmicrosoftaccountsmanually allowmicrosoftaccountconnection allowmicrosoftaccountsigninassistant "
    "domainnamesforemailsync restricttoenterprisedeviceauthenticationonly",
    "power": "allowhibernate allowstandbystateswhensleepingonbattery allowstandbywhensleepingpluggedin displayofftimeoutonbattery "
    "displayofftimeoutpluggedin energysaverbatterythresholdonbattery hibernatetimeoutonbattery requirepasswordwhencomputerwakesonbattery "
    "selectlidcloseactiononbattery selectpowerbuttonactiononbattery standbytimeoutonbattery unattendedsleeptimeoutonbattery",
}  # fmt: skip
_APPLE = {
    "com.apple.applicationaccess": "allowairdrop allowcamera allowcloudbackup allowscreenshot forceencryptedbackup",
    "com.apple.mobiledevice.passwordpolicy": "minlength maxinactivity",
    "com.apple.screensaver": "askforpassword loginwindowidletime",
    "com.apple.loginwindow": "disableguestaccount",
    "com.apple.security.firewall": "enablefirewall enablestealthmode",
    "com.apple.softwareupdate": "automaticallyinstallmacosupdates",
}
_SIMPLE = (
    "days",
    "timeout",
    "interval",
    "length",
    "expiration",
    "history",
    "factor",
    "period",
    "hours",
    "time",
    "attempts",
)
_LISTS = ("excluded", "domainnames", "hardened", "pins")
# (family, technologies, share) of template-backed policies: a fifth of an ordinary tenant's.
FAMILIES = (
    ("endpointSecurityAttackSurfaceReduction", "mdm,microsoftSense", 45),
    ("endpointSecurityAccountProtection", "mdm", 15),
    ("baseline", "mdm", 14),
    ("endpointSecurityAntivirus", "mdm,microsoftSense", 12),
    ("endpointSecurityFirewall", "mdm,microsoftSense", 7),
    ("endpointSecurityDiskEncryption", "mdm", 5),
    ("endpointSecurityEndpointDetectionAndResponse", "mdm,microsoftSense", 2),
)
_TECHNOLOGIES = {"macOS": "mdm,appleRemoteManagement", "iOS": "mdm,appleRemoteManagement", "linux": "linuxMdm"}


@cache
def definitions(platform: str) -> tuple[str, ...]:
    """Setting definition ids of a platform, always in the same order."""
    if platform in ("macOS", "iOS"):
        return tuple(f"{domain}_{name}" for domain, text in _APPLE.items() for name in text.split())
    names = [f"policy_config_{area}_{name}" for area, text in _CSP.items() for name in text.split()]
    return tuple(f"{scope}_vendor_msft_{name}" for scope in ("device", "user") for name in names)


def how_many(make: Maker) -> int:
    """Settings of an ordinary policy: mostly few, with a long tail."""
    low, high = make.chance.choices(
        ((1, 3), (4, 10), (11, 40), (41, 120), (121, 250)), cum_weights=(40, 70, 90, 98.5, 100)
    )[0]
    return make.chance.randrange(low, high + 1)


def policy(make: Maker, number: int) -> Made:
    platform = make.chance.choices(PLATFORMS, (70, 15, 10, 4, 1))[0]
    family, technologies = "none", _TECHNOLOGIES.get(platform, "mdm")
    if platform == "windows10" and make.chance_of(0.25):
        family, technologies, _ = make.chance.choices(FAMILIES, [share for _, _, share in FAMILIES])[0]
    count = min(how_many(make), len(definitions(platform)))
    return policy_of(make, number, platform, count, family=family, technologies=technologies)


def policy_of(
    make: Maker,
    number: int,
    platform: str,
    count: int,
    *,
    family: str = "none",
    technologies: str = "mdm",
    name: str = "",
) -> Made:
    """A policy of `count` settings."""
    chosen = definitions(platform)
    start = make.chance.randrange(len(chosen))
    ids = [chosen[(start + index) % len(chosen)] for index in range(count)]
    object_id = make.id()
    assignments = make.assignments(object_id)
    body = {
        "id": object_id,
        "name": name or make.names.policy(number, platform),
        "description": make.names.description(),
        "platforms": platform,
        "technologies": technologies,
        **make.stamps(),
        "settingCount": count,
        "creationSource": None,
        "roleScopeTagIds": make.scope_tags(),
        "isAssigned": bool(assignments),
        "templateReference": _template(make, family),
        "priorityMetaData": None,
        "disableEntraGroupPolicyAssignment": False,
    }
    settings = [
        {"id": str(index), "settingInstance": instance(make, name, template=family != "none")}
        for index, name in enumerate(ids)
    ]
    return body, {"settings": settings, "assignments": assignments}


def _template(make: Maker, family: str) -> Body:
    if family == "none":
        return {
            "templateId": "",
            "templateFamily": "none",
            "templateDisplayName": None,
            "templateDisplayVersion": None,
        }
    version = make.chance.choice((1, 1, 2, 3))
    words = family.removeprefix("endpointSecurity")
    title = "".join(f" {char}" if char.isupper() else char for char in words).strip()
    return {
        "templateId": f"{make.id()}_{version}",
        "templateFamily": family,
        "templateDisplayName": title or "Security Baseline",
        "templateDisplayVersion": f"Version {version}",
    }


def instance(make: Maker, definition: str, *, template: bool = False) -> Body:
    """One setting, of the kind that its definition is of."""
    reference = {"settingInstanceTemplateId": make.id()} if template else None
    head: Body = {"settingDefinitionId": definition, "settingInstanceTemplateReference": reference}
    if any(mark in definition for mark in _LISTS):
        members = [_string(f"%ProgramFiles%\\Contoso\\{make.chance.randrange(99)}.exe") for _ in range(3)]
        return {
            "@odata.type": f"{_CONFIGURATION}SimpleSettingCollectionInstance",
            **head,
            "simpleSettingCollectionValue": members,
        }
    if any(definition.endswith(mark) or mark in definition.rpartition("_")[2] for mark in _SIMPLE):
        value = _integer(make.chance.randrange(1, 365))
        return {"@odata.type": f"{_CONFIGURATION}SimpleSettingInstance", **head, "simpleSettingValue": value}
    if "message" in definition or "rename" in definition or definition.endswith("url"):
        return {
            "@odata.type": f"{_CONFIGURATION}SimpleSettingInstance",
            **head,
            "simpleSettingValue": _string(make.names.topic()),
        }
    option = make.chance.randrange(2)
    children = [instance(make, f"{definition}_detail")] if option and make.chance_of(0.08) else []
    choice = {
        "settingValueTemplateReference": {"settingValueTemplateId": make.id(), "useTemplateDefault": False}
        if template
        else None,
        "value": f"{definition}_{option}",
        "children": children,
    }
    return {"@odata.type": f"{_CONFIGURATION}ChoiceSettingInstance", **head, "choiceSettingValue": choice}


def group_collection(make: Maker, definition: str, members: int) -> Body:
    """A collection of groups of settings, as firewall rules are."""
    groups = [
        {
            "settingValueTemplateReference": None,
            "children": [instance(make, f"{definition}_{name}") for name in ("enabled", "direction", "name_url")],
        }
        for _ in range(members)
    ]
    return {
        "@odata.type": f"{_CONFIGURATION}GroupSettingCollectionInstance",
        "settingDefinitionId": definition,
        "settingInstanceTemplateReference": None,
        "groupSettingCollectionValue": groups,
    }


def secret(make: Maker, definition: str) -> Body:
    """A secret: Graph gives out a token for it, never the value."""
    value = {
        "@odata.type": f"{_CONFIGURATION}SecretSettingValue",
        "settingValueTemplateReference": None,
        "value": make.id(),
        "valueState": "encryptedValueToken",
    }
    return {
        "@odata.type": f"{_CONFIGURATION}SimpleSettingInstance",
        "settingDefinitionId": definition,
        "settingInstanceTemplateReference": None,
        "simpleSettingValue": value,
    }


def _string(value: str) -> Body:
    return {
        "@odata.type": f"{_CONFIGURATION}StringSettingValue",
        "settingValueTemplateReference": None,
        "value": value,
    }


def _integer(value: int) -> Body:
    return {
        "@odata.type": f"{_CONFIGURATION}IntegerSettingValue",
        "settingValueTemplateReference": None,
        "value": value,
    }


def reusable(make: Maker, number: int) -> Made:
    definition = "vendor_msft_firewall_mdmstore_dynamickeywords_addresses_{id}"
    body = {
        "id": make.id(),
        "displayName": f"Remote addresses {number}",
        "description": make.names.description(),
        "settingDefinitionId": definition,
        "settingInstance": group_collection(make, definition, 2),
        **make.stamps(),
        "version": 1,
        "referencingConfigurationPolicyCount": 0,
    }
    make.reusables.append(body["id"])
    return body, {}
