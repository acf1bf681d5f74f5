//! The manifest `palisade.toml`: a plugin's name, exports, taps, settings, and the powers that it requests.
//!
//! A manifest grants nothing: [`crate::grant`] decides what the plugin gets. Unknown keys are an error. Every error names its line
//! and column, and [`crate::mistakes`] finds all of them at once.

use crate::grant::Grants;
use crate::kind::Kind;
use crate::limits::{
    CRON_INTERVAL_MIN_S, KIB, Limit, Limits, MANIFEST_BYTES_MAX, MIB, MS_PER_S, Unit, VARIABLE_NAME_BYTES_MAX,
};
use crate::mistakes::{self, Read};
use crate::name::{PluginName, is_kebab};
use crate::text::quoted;
use crate::variables::Declaration;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

#[cfg(test)]
use crate::tests::reference;

/// A parsed `palisade.toml`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// The plugin's name, version and files.
    pub plugin: PluginSection,
    /// The kind of each interface that the component exports. The key is the full name without version:
    /// `acme:blog/posts`.
    #[serde(default, deserialize_with = "exports")]
    #[cfg_attr(test, schemars(schema_with = "reference::exports"))]
    pub exports: BTreeMap<String, Kind>,
    /// The taps that the component exports.
    #[serde(default)]
    pub taps: Taps,
    /// The powers that the plugin requests.
    #[serde(default)]
    pub grants: Grants,
    /// The plugin's settings.
    #[serde(default, deserialize_with = "variables")]
    #[cfg_attr(test, schemars(schema_with = "reference::variables"))]
    pub variables: BTreeMap<String, Declaration>,
    /// The limits that the plugin lowers for itself. A limit that is not named here keeps the operator's maximum.
    #[serde(default = "Limits::unlimited", deserialize_with = "limits")]
    #[cfg_attr(test, schemars(schema_with = "reference::limits"))]
    pub limits: Limits,
    /// How `palisade build` makes the component. A host does not read it.
    pub build: Option<BuildSection>,
}

/// A plugin's name, version and files.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table with name, version and component"
)]
pub struct PluginSection {
    /// The plugin's name, which no other plugin of a host has. It is part of the URLs of the plugin's functions and of the
    /// name of its schema in the database.
    #[serde(deserialize_with = "plugin_name")]
    #[cfg_attr(test, schemars(schema_with = "reference::plugin_name"))]
    pub name: PluginName,
    /// The plugin's version, as in Semantic Versioning: three numbers.
    #[serde(deserialize_with = "version")]
    #[cfg_attr(test, schemars(example = &"0.1.0"))]
    pub version: semver::Version,
    /// The component's file, relative to the manifest.
    #[serde(deserialize_with = "inner_path")]
    #[cfg_attr(test, schemars(schema_with = "reference::component"))]
    pub component: PathBuf,
    /// The folder of the plugin's migrations, relative to the manifest.
    #[serde(default = "default_migrations", deserialize_with = "inner_path")]
    #[cfg_attr(test, schemars(schema_with = "reference::migrations"))]
    pub migrations: PathBuf,
    /// One line that describes the plugin to people.
    #[serde(default)]
    #[cfg_attr(test, schemars(example = &"Drafts and posts"))]
    pub description: String,
}

/// Whether a plugin's version may be installed where another one was installed last: whether it is the same or a newer one, by the
/// precedence of Semantic Versioning. A text that is no version, which no host writes, keeps none out.
pub fn may_follow(last: &str, next: &str) -> bool {
    let versions = semver::Version::parse(last).ok().zip(semver::Version::parse(next).ok());
    versions.is_none_or(|(last, next)| next.cmp_precedence(&last).is_ge())
}

/// How `palisade build` makes a component from a plugin's source.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table such as { language = \"rust\" }"
)]
pub struct BuildSection {
    /// The language of the source.
    #[cfg_attr(test, schemars(example = &"rust"))]
    pub language: Language,
    /// The file that the language's tools begin with, relative to the manifest. By default `Cargo.toml`, `src/plugin.js`,
    /// `src/plugin.py` or `src/plugin.c`, after the language.
    #[serde(default, deserialize_with = "inner_file")]
    #[cfg_attr(test, schemars(schema_with = "reference::source"))]
    pub source: Option<PathBuf>,
}

impl BuildSection {
    /// The file that the language's tools begin with, relative to the manifest.
    pub fn source(&self) -> &Path {
        self.source.as_deref().unwrap_or_else(|| Path::new(self.language.source()))
    }
}

/// A language that `palisade build` compiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Rust, built by cargo.
    Rust,
    /// JavaScript, built by componentize-js.
    Js,
    /// Python, built by componentize-py.
    Python,
    /// C, built by clang.
    C,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 4] = [Self::Rust, Self::Js, Self::Python, Self::C];

    /// The language's name in a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Js => "js",
            Self::Python => "python",
            Self::C => "c",
        }
    }

    /// The file that the language's tools begin with, if the manifest names no other.
    pub fn source(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::Js => "src/plugin.js",
            Self::Python => "src/plugin.py",
            Self::C => "src/plugin.c",
        }
    }

    /// Whether a component of this language carries an engine, and imports every function of the interfaces in its world, also
    /// those that the plugin never calls.
    pub fn imports_all(self) -> bool {
        matches!(self, Self::Js | Self::Python)
    }
}

/// The taps of a plugin.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    rename_all = "kebab-case",
    expecting = "a table of taps such as { item-view = {} }"
)]
pub struct Taps {
    /// `tap-item-access`: decides who may read, insert, change and delete an item.
    pub item_access: Option<TapOptions>,
    /// `tap-item-view`: changes the fields of an item for display.
    pub item_view: Option<TapOptions>,
    /// `tap-item-presave`: changes or rejects an item before it is written.
    pub item_presave: Option<TapOptions>,
    /// `tap-item-changed`: receives a change in its transaction.
    pub item_changed: Option<TapOptions>,
    /// `tap-cron`: runs on a schedule, as an action.
    pub cron: Option<CronOptions>,
}

/// A tap of the contract: its interface, its kind, and whether a manifest lists it.
pub type TapRow = (&'static str, Kind, fn(&Taps) -> bool);

/// The taps of the contract.
pub const TAPS: &[TapRow] = &[
    ("tap-item-access", Kind::Query, |taps| taps.item_access.is_some()),
    ("tap-item-view", Kind::Query, |taps| taps.item_view.is_some()),
    ("tap-item-presave", Kind::Mutation, |taps| taps.item_presave.is_some()),
    ("tap-item-changed", Kind::Mutation, |taps| taps.item_changed.is_some()),
    ("tap-cron", Kind::Action, |taps| taps.cron.is_some()),
];

/// When a tap is called.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a table such as {} or { weight = 10 }")]
pub struct TapOptions {
    /// The host calls taps by ascending weight, and taps of equal weight by plugin name.
    #[serde(default)]
    #[cfg_attr(test, schemars(example = reference::WEIGHT))]
    pub weight: i32,
}

/// When a cron tap runs.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(
    deny_unknown_fields,
    expecting = "a table with the time between two runs, { every = \"5 min\" }, and no pattern of crontab"
)]
pub struct CronOptions {
    /// The time between two runs.
    #[serde(deserialize_with = "interval")]
    #[cfg_attr(test, schemars(schema_with = "reference::interval"))]
    pub every: Duration,
}

/// The line of `[taps]` that lists a tap, such as `item-view = {}`.
pub fn tap_line(tap: &str) -> String {
    let key = tap.trim_start_matches("tap-");
    let options = if key == "cron" { "{ every = \"5 min\" }" } else { "{}" };
    format!("{key} = {options}")
}

impl Manifest {
    /// Parses a manifest. The error has a line for each mistake; only errors use `path`.
    pub fn parse(text: &str, path: &Path) -> Result<Self, String> {
        if text.len() as u64 > MANIFEST_BYTES_MAX {
            return Err(format!("{}: a manifest has at most {MANIFEST_BYTES_MAX} bytes", path.display()));
        }
        match Self::read(text) {
            Read { value: Some(manifest), mistakes } if mistakes.is_empty() => Ok(manifest),
            Read { mistakes, .. } => Err(mistakes::lines(text, path, &mistakes)),
        }
    }

    /// Reads a manifest with all of its mistakes. What it says without them is for further checks, and nothing to serve.
    pub fn read(text: &str) -> Read<Self> {
        mistakes::read(text, stand_in)
    }
}

/// What stands for a wrong or missing value, without which the rest of a manifest cannot be read.
fn stand_in(path: &[&str]) -> Option<&'static str> {
    match path {
        ["plugin"] => Some("{ name = \"x\", version = \"0.0.0\", component = \"x.wasm\" }"),
        ["plugin", "name"] => Some("\"x\""),
        ["plugin", "version"] => Some("\"0.0.0\""),
        ["plugin", "component"] => Some("\"x.wasm\""),
        _ => None,
    }
}

/// Whether a text is the full name of an interface without its version: `acme:blog/posts`.
pub fn is_interface(name: &str) -> bool {
    let Some((package, interface)) = name.split_once('/') else { return false };
    let Some((namespace, package)) = package.split_once(':') else { return false };
    [namespace, package, interface].iter().all(|word| is_kebab(word))
}

fn default_migrations() -> PathBuf {
    PathBuf::from("migrations")
}

fn plugin_name<'de, D: serde::Deserializer<'de>>(source: D) -> Result<PluginName, D::Error> {
    PluginName::parse(&String::deserialize(source)?).map_err(D::Error::custom)
}

/// Parses a path that stays inside the plugin's folder.
fn inner_path<'de, D: serde::Deserializer<'de>>(source: D) -> Result<PathBuf, D::Error> {
    let path = PathBuf::deserialize(source)?;
    if path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Ok(path);
    }
    Err(D::Error::custom(format!(
        "{} leaves the plugin's folder: give a relative path without `..`",
        path.display()
    )))
}

fn inner_file<'de, D: serde::Deserializer<'de>>(source: D) -> Result<Option<PathBuf>, D::Error> {
    inner_path(source).map(Some)
}

fn interval<'de, D: serde::Deserializer<'de>>(source: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(source)?;
    let every = parse_milliseconds(&text).map(Duration::from_millis).map_err(D::Error::custom)?;
    if every < Duration::from_secs(CRON_INTERVAL_MIN_S) {
        return Err(D::Error::custom(format!("{text:?} is too often: at least {CRON_INTERVAL_MIN_S} s")));
    }
    Ok(every)
}

fn version<'de, D: serde::Deserializer<'de>>(source: D) -> Result<semver::Version, D::Error> {
    let text = String::deserialize(source)?;
    text.parse().map_err(|_| {
        // What is there is kept: `1` becomes `1.0.0`, and `v1.2` becomes `1.2.0`.
        let digits = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let mut parts = text.trim_start_matches('v').split('.').take_while(digits);
        let mut part = || parts.next().unwrap_or("0");
        let (major, minor, patch) = (part(), part(), part());
        let fix = format!("{major}.{minor}.{patch}");
        let fix =
            if fix == "0.0.0" || fix.parse::<semver::Version>().is_err() { "0.1.0".to_owned() } else { fix };
        D::Error::custom(format!("{} is not a version: write three numbers, such as {fix:?}", quoted(&text)))
    })
}

/// A key of `[exports]`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct InterfaceName(String);

impl<'de> Deserialize<'de> for InterfaceName {
    fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let name = String::deserialize(source)?;
        if is_interface(&name) {
            return Ok(Self(name));
        }
        Err(D::Error::custom(format!(
            "{name:?} is not the name of an interface: write it as `package:name/interface`, without a version"
        )))
    }
}

fn exports<'de, D: serde::Deserializer<'de>>(source: D) -> Result<BTreeMap<String, Kind>, D::Error> {
    let exports = BTreeMap::<InterfaceName, Kind>::deserialize(source)?;
    Ok(exports.into_iter().map(|(InterfaceName(name), kind)| (name, kind)).collect())
}

/// A key of `[variables]`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct VariableName(String);

impl<'de> Deserialize<'de> for VariableName {
    fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let name = String::deserialize(source)?;
        if is_kebab(&name) && name.len() <= VARIABLE_NAME_BYTES_MAX {
            return Ok(Self(name));
        }
        Err(D::Error::custom(format!(
            "{name:?} is not the name of a variable: use lower-case letters, digits and `-`, begin with a letter, and at \
             most {VARIABLE_NAME_BYTES_MAX} bytes"
        )))
    }
}

fn variables<'de, D: serde::Deserializer<'de>>(source: D) -> Result<BTreeMap<String, Declaration>, D::Error> {
    let declared = BTreeMap::<VariableName, Declaration>::deserialize(source)?;
    Ok(declared.into_iter().map(|(VariableName(name), declaration)| (name, declaration)).collect())
}

/// A key of `[limits]`.
struct LimitName(Limit);

impl<'de> Deserialize<'de> for LimitName {
    fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        let name = String::deserialize(source)?;
        let found = Limit::ALL.iter().copied().find(|limit| limit.name() == name);
        let limit = found.ok_or_else(|| {
            let known: Vec<&str> = Limit::ALL.iter().map(|limit| limit.name()).collect();
            D::Error::custom(format!(
                "unknown limit `{name}`: {}",
                mistakes::instead(&name, "limits", &known)
            ))
        })?;
        if limit == Limit::Stack {
            return Err(D::Error::custom("limit `stack` is the same for every plugin: remove the line"));
        }
        Ok(Self(limit))
    }
}

/// The value of a limit.
struct Amount(Limit);

impl<'de> DeserializeSeed<'de> for Amount {
    type Value = u64;

    fn deserialize<D: serde::Deserializer<'de>>(self, source: D) -> Result<u64, D::Error> {
        parse_amount(self.0, &toml::Value::deserialize(source)?).map_err(D::Error::custom)
    }
}

/// Parses limits as manifests and policies write them: `memory = "32 MiB"`, `guest-time = "2 s"`, `db-rows = 500`.
pub fn limits<'de, D: serde::Deserializer<'de>>(source: D) -> Result<Limits, D::Error> {
    struct Given;
    impl<'de> Visitor<'de> for Given {
        type Value = Limits;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table of limits such as { memory = \"32 MiB\" }")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut given: A) -> Result<Limits, A::Error> {
            let mut limits = Limits::unlimited();
            while let Some(LimitName(limit)) = given.next_key()? {
                limits.set(limit, given.next_value_seed(Amount(limit))?);
            }
            Ok(limits)
        }
    }
    source.deserialize_map(Given)
}

fn parse_amount(limit: Limit, value: &toml::Value) -> Result<u64, String> {
    match (value, limit.unit()) {
        (toml::Value::Integer(count), Unit::Count) => {
            u64::try_from(*count).map_err(|_| format!("limit `{limit}` cannot be negative"))
        }
        (toml::Value::String(text), Unit::Bytes) => parse_bytes(text),
        (toml::Value::String(text), Unit::Milliseconds) => parse_milliseconds(text),
        (_, Unit::Count) => Err(format!("limit `{limit}` is a count: write a number such as 500")),
        (_, Unit::Bytes) => Err(format!("limit `{limit}` is a size: write a text such as \"32 MiB\"")),
        (_, Unit::Milliseconds) => Err(format!("limit `{limit}` is a time: write a text such as \"500 ms\"")),
    }
}

/// Parses a size as manifests, policies and the command line write it, such as `32 MiB`, into bytes.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    with_unit(text, &[("B", 1), ("KiB", KIB), ("MiB", MIB), ("GiB", KIB * MIB)]).ok_or_else(|| {
        format!("{text:?} is not a size: write a number and B, KiB, MiB or GiB, such as \"32 MiB\"")
    })
}

fn parse_milliseconds(text: &str) -> Result<u64, String> {
    // wire: the calendar's
    with_unit(text, &[("ms", 1), ("s", MS_PER_S), ("min", 60 * MS_PER_S), ("h", 3_600 * MS_PER_S)])
        .ok_or_else(|| {
            format!("{text:?} is not a time: write a number and ms, s, min or h, such as \"30 s\"")
        })
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let (number, unit) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit())?)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[plugin]\nname = \"blog\"\nversion = \"0.1.0\"\ncomponent = \"blog.wasm\"\n";

    fn refusal(rest: &str) -> String {
        Manifest::parse(&format!("{HEAD}{rest}"), Path::new("palisade.toml")).unwrap_err()
    }

    #[test]
    fn only_an_older_version_may_not_follow() {
        for (last, next) in
            [("0.2.0", "0.1.9"), ("1.0.0", "1.0.0-rc.1"), ("0.10.0", "0.9.0"), ("1.0.0", "0.99.0")]
        {
            assert!(!may_follow(last, next), "{next} after {last}");
        }
        for (last, next) in [
            ("0.2.0", "0.2.0"),
            ("0.9.0", "0.10.0"),
            ("1.0.0-rc.1", "1.0.0"),
            ("1.0.0+b", "1.0.0+a"),
            ("", "0.1.0"),
        ] {
            assert!(may_follow(last, next), "{next} after {last}");
        }
    }

    #[test]
    fn invalid_manifest_is_rejected_with_line_column_and_rule() {
        for (rest, expected) in [
            ("colour = 1\n", "palisade.toml:5:1: unknown key `colour`: the keys here are `name`, `version`"),
            ("[grant]\n", "palisade.toml:5:2: unknown key `grant`: did you mean `grants`?"),
            ("[exports]\n\"acme:blog/posts\" = \"read\"\n", "palisade.toml:6:21: unknown word `read`"),
            ("[exports]\nposts = \"query\"\n", "`package:name/interface`"),
            (
                "[limits]\nmemroy = \"1 MiB\"\n",
                "palisade.toml:6:1: unknown limit `memroy`: did you mean `memory`?",
            ),
            ("[limits]\nstack = \"1 MiB\"\n", "the same for every plugin"),
            ("[limits]\nmemory = 5\n", "write a text such as \"32 MiB\""),
            ("[limits]\nmemory = \"5 MB\"\n", "MiB or GiB"),
            ("[limits]\ndb-rows = -1\n", "cannot be negative"),
            ("[taps]\ncron = { every = \"10 ms\" }\n", "too often"),
            ("[taps]\nitem-vew = {}\n", "unknown key `item-vew`: did you mean `item-view`?"),
            ("[grants]\ndb = { tables = { t = [\"drop\"] } }\n", "unknown word `drop`"),
            ("query = true\n", "unknown key `query`: it belongs to [grants.db]"),
            ("exports = []\n", "it belongs to the file itself: write `[exports]` above its lines"),
            (
                "[variables]\na = { type = \"text\", default = [] }\n",
                "expected true or false, a number or a text",
            ),
            ("[grants.db]\ntables = []\n", "palisade.toml:6:10: expected a table, found list"),
            ("[exports]\n\"a:b/c\" = 5\n", "expected a word in quotes: write `"),
            ("[variables]\nPage = { type = \"integer\", default = 1 }\n", "not the name of a variable"),
            (
                "[build]\nlanguage = \"ruby\"\n",
                "palisade.toml:6:12: unknown word `ruby`: the words here are `rust`, `js`",
            ),
            (
                "[build]\nsource = \"a.js\"\n",
                "palisade.toml:5:1: the key `language` is missing here: add `language = \"rust\"`",
            ),
            (
                "[build]\nlanguage = \"js\"\nsorce = \"a.js\"\n",
                "palisade.toml:7:1: unknown key `sorce`: did you mean `source`?",
            ),
            ("[build]\nlanguage = \"js\"\nsource = \"../a.js\"\n", "palisade.toml:7:10: ../a.js leaves"),
            ("[variables]\nsize = { type = \"integer\", default = \"x\" }\n", "default"),
        ] {
            let error = refusal(rest);
            assert!(error.contains(expected), "{rest:?} gave {error:?}");
        }
    }

    #[test]
    fn manifest_with_a_path_outside_of_its_folder_is_refused() {
        for path in ["../x.wasm", "/etc/passwd", "a/../../x"] {
            let text = HEAD.replace("blog.wasm", path);
            assert!(
                Manifest::parse(&text, Path::new("m")).unwrap_err().contains("leaves the plugin's folder")
            );
        }
    }

    #[test]
    fn manifest_with_every_section_is_accepted() {
        let rest = "[exports]\n\"acme:blog/posts\" = \"query\"\n[taps]\nitem-view = { weight = 10 }\n[grants]\n\
             db = { tables = { drafts = [\"select\", \"insert\"] }, query = true }\n\
             item = { types = { post = [\"read\", \"write\"] } }\n\
             http = [{ url = \"https://api.example.com/v1/\", methods = [\"GET\"], secret = \"api-key\" }]\n\
             [variables]\npage-size = { type = \"integer\", default = 20 }\n[limits]\nmemory = \"32 MiB\"\n";
        let manifest = Manifest::parse(&format!("{HEAD}{rest}"), Path::new("m")).unwrap();
        assert_eq!(manifest.limits.get(Limit::Memory), 32 * MIB);
        assert_eq!(manifest.limits.get(Limit::DbRows), u64::MAX);
        assert!(manifest.build.is_none());
        for language in Language::ALL {
            let name = language.name();
            let built = |rest: &str| {
                let text = format!("{HEAD}[build]\nlanguage = \"{name}\"\n{rest}");
                Manifest::parse(&text, Path::new("m")).unwrap().build.unwrap()
            };
            assert_eq!((built("").language, built("").source()), (language, Path::new(language.source())));
            assert_eq!(built("source = \"lib/main.x\"\n").source(), Path::new("lib/main.x"));
        }
        let minimal = Manifest::parse(HEAD, Path::new("m")).unwrap();
        assert_eq!(minimal.limits, Limits::unlimited(), "a limit that is not named is the operator's");
    }
}
