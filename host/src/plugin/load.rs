//! Loading: manifest, component and migrations in, a [`Plugin`] out, or a sentence.
//!
//! In this order, so that nothing is done for a plugin that is refused: read, pre-pass, compile, passport, link, install
//! in the database.

use super::artifact::{self, Artifacts};
use super::entry::TapIndices;
use super::{Function, Habit, Plugin, floats, prepass, share, told};
use crate::backend::postgres::Database;
use crate::backend::postgres::canary::Login;
use crate::backend::postgres::role::Plan;
use crate::engine::{Engine, Machine, Machines};
use crate::error::LoadError;
use crate::grant::{Grants, Policy};
use crate::guard::address::AddressPolicy;
use crate::guard::http::{Allowance, Egress};
use crate::guard::variables::Declarations;
use crate::invocation::State;
use crate::kind::{Kind, PACKAGE};
use crate::limits::{COMPONENT_BYTES_MAX, Limits};
use crate::manifest::Manifest;
use crate::metrics::Metrics;
use crate::passport::Passport;
use crate::supervision::Supervision;
use crate::value::Signature;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;
use wasmtime::component::types::{self, ComponentItem};
use wasmtime::component::{Component, InstancePre};

/// What a plugin is loaded from.
struct Source {
    manifest: Manifest,
    component: Vec<u8>,
    migrations: Vec<(String, String)>,
}

impl Source {
    /// Reads a plugin's folder, or the folder of the manifest that is named.
    fn read(path: &Path) -> Result<Self, LoadError> {
        let manifest_path = if path.is_dir() { path.join("palisade.toml") } else { path.to_path_buf() };
        let folder = manifest_path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let text = std::fs::read_to_string(&manifest_path).map_err(|source| file(&manifest_path, source))?;
        let manifest = Manifest::parse(&text, &manifest_path).map_err(LoadError::Manifest)?;
        let component = read_component(&folder.join(&manifest.plugin.component), &manifest)?;
        let migrations = read_migrations(&folder.join(&manifest.plugin.migrations))?;
        Ok(Self { manifest, component, migrations })
    }
}

fn read_component(path: &Path, manifest: &Manifest) -> Result<Vec<u8>, LoadError> {
    let size = std::fs::metadata(path).map_err(|source| file(path, source))?.len();
    if size > COMPONENT_BYTES_MAX {
        let sentence = format!("the component has {size} bytes: at most {COMPONENT_BYTES_MAX} are allowed");
        return Err(LoadError::Component { plugin: manifest.plugin.name.to_string(), sentence });
    }
    std::fs::read(path).map_err(|source| file(path, source))
}

/// The `.sql` files of a folder, in the order of their names; none when there is no folder.
fn read_migrations(folder: &Path) -> Result<Vec<(String, String)>, LoadError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(file(folder, error)),
    };
    let mut migrations = Vec::new();
    for entry in entries {
        let path = entry.map_err(|source| file(folder, source))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.extension().is_some_and(|extension| extension == "sql") {
            migrations.push((name, std::fs::read_to_string(&path).map_err(|source| file(&path, source))?));
        }
    }
    migrations.sort();
    Ok(migrations)
}

fn file(path: &Path, source: std::io::Error) -> LoadError {
    LoadError::File { path: path.display().to_string(), source }
}

/// What loading needs of a host.
pub(crate) struct Loader {
    pub(crate) machines: Machines,
    pub(crate) artifacts: Option<Artifacts>,
    pub(crate) database: Database,
    pub(crate) addresses: AddressPolicy,
    pub(crate) supervision: Arc<Supervision>,
    pub(crate) metrics: Arc<Metrics>,
    /// What no plugin of the host may exceed.
    pub(crate) limits: Limits,
}

impl Loader {
    /// Loads one plugin. It is not to be called before [`attack`](Self::attack) has said that it may.
    pub(crate) async fn load(&self, path: &Path, policy: &Policy) -> Result<Plugin, LoadError> {
        let loaded = match Source::read(path) {
            Ok(source) => self.load_source(source, policy).await,
            Err(error) => Err(error),
        };
        loaded.inspect_err(|error| told::refused(self.supervision.audit(), error))
    }

    async fn load_source(&self, source: Source, policy: &Policy) -> Result<Plugin, LoadError> {
        let Source { manifest, component, migrations } = source;
        let name = manifest.plugin.name.clone();
        let refuse = |sentence: String| LoadError::Component { plugin: name.to_string(), sentence };
        let limits = self.limits.clone().lowered_to(&policy.limits).lowered_to(&manifest.limits);
        let machine = self.machines.of(&limits).map_err(|error| LoadError::Engine(format!("{error:#}")))?;
        let engine = machine.engine.wasmtime();
        let compiled = self.compile(&machine.engine, component, policy.floats).await;
        let (component, instances_made) = compiled.map_err(refuse)?;
        let grants = policy.grant(&manifest.grants);
        told::denied(self.supervision.audit(), &name, &manifest.grants, &grants);
        let types = component.component_type();
        if !policy.wasi {
            refuse_wasi(&types, engine).map_err(refuse)?;
        }
        let passport = Passport::issue(&types, engine, &manifest, &grants).map_err(refuse)?;
        let taps = passport.taps.keys().map(|tap| tap.trim_start_matches("tap-"));
        if let Some(tap) = taps.into_iter().find(|tap| !policy.allows_tap(tap)) {
            return Err(refuse(format!(
                "the operator's policy does not let it tap `{tap}`: add `taps = [\"{tap}\"]` to its grants there"
            )));
        }
        let functions = functions(engine, &component, &passport).map_err(refuse)?;
        if !policy.floats {
            refuse_floats(&functions).map_err(refuse)?;
        }
        let egress = self.egress(&grants).map_err(refuse)?;
        let (instances, tap_indices) = link(&machine, &component, &passport, &manifest).map_err(refuse)?;
        let plan = Plan {
            name: &name,
            version: &manifest.plugin.version.to_string(),
            grants: &grants,
            migrations: &migrations,
        };
        let installed = self.database.install(&plan).await?;
        Ok(Plugin {
            version: manifest.plugin.version,
            description: manifest.plugin.description,
            variables: Declarations::new(manifest.variables),
            taps: manifest.taps,
            catalogue: installed.catalogue,
            role: installed.role,
            pool: installed.pool,
            signer: installed.signer,
            admission: Arc::new(Semaphore::new(share::concurrency(&component, instances_made))),
            ward: self.supervision.ward(&name),
            machine,
            tally: self.metrics.tally(&name, &passport.kinds_in_use()),
            name,
            grants,
            limits,
            egress,
            passport,
            functions,
            instances,
            tap_indices,
        })
    }

    /// Attacks the database as the plugin's login, and notes in the passport which layers are missing.
    pub(crate) async fn attack(&self, mut plugin: Plugin) -> Result<Plugin, LoadError> {
        let (role, schema) = (plugin.role.as_str(), plugin.catalogue.schema());
        let login = Login { plugin: &plugin.name, role, schema, pool: &plugin.pool };
        let attacked = self.database.attack(&login).await;
        plugin.passport.database.missing =
            attacked.inspect_err(|error| told::refused(self.supervision.audit(), error))?;
        Ok(plugin)
    }

    /// The servers outside that the grants name.
    fn egress(&self, grants: &Grants) -> Result<Egress, String> {
        let allowances = grants.http.iter().map(|entry| {
            let methods = (!entry.methods.is_empty()).then_some(entry.methods.as_slice());
            Allowance::parse(&entry.url, methods, entry.secret.as_deref())
        });
        let allowances =
            allowances.collect::<Result<Vec<_>, _>>().map_err(|error| format!("[grants] http: {error}"))?;
        Ok(Egress { allowances, addresses: self.addresses.clone() })
    }

    /// Pre-pass and compilation, off the threads that serve.
    async fn compile(
        &self,
        engine: &Engine,
        bytes: Vec<u8>,
        floats: bool,
    ) -> Result<(Component, usize), String> {
        let (engine, artifacts) = (engine.clone(), self.artifacts.clone());
        let work = tokio::task::spawn_blocking(move || {
            let instances = prepass::check(&bytes)?;
            if !floats {
                floats::check(&bytes)?;
            }
            let compiled = match &artifacts {
                Some(artifacts) => artifacts.component(&engine, &bytes),
                None => artifact::compile(&engine, &bytes),
            };
            let compiled = compiled.map(|component| (component, instances));
            compiled.map_err(|error| format!("the component is refused: {}", innermost(&error)))
        });
        work.await.map_err(|error| format!("compilation ended early: {error}"))?
    }
}

/// The functions that callers can name, with their types mapped once and for all.
fn functions(
    engine: &wasmtime::Engine,
    component: &Component,
    passport: &Passport,
) -> Result<Functions, String> {
    let mut functions = Functions::new();
    for (export, item) in component.component_type().exports(engine) {
        let plain = export.split('@').next().unwrap_or(export);
        let (Some(kind), ComponentItem::ComponentInstance(instance)) = (passport.exports.get(plain), item.ty)
        else {
            continue;
        };
        let (_, parent) = component.get_export(None, export).ok_or("an export has no index")?;
        let short = plain.rsplit('/').next().unwrap_or(plain).to_owned();
        let mut mapped = BTreeMap::new();
        for (name, item) in instance.exports(engine) {
            if let ComponentItem::ComponentFunc(function) = item.ty {
                let signature = Signature::of(plain, name, &function).map_err(|error| error.to_string())?;
                let (_, index) =
                    component.get_export(Some(&parent), name).ok_or("a function has no index")?;
                let (path, habit) = (format!("{short}/{name}"), Habit::default());
                let function = Function { path, kind: *kind, signature, habit, export: index };
                mapped.insert(name.to_owned(), Arc::new(function));
            }
        }
        if functions.insert(short.clone(), mapped).is_some() {
            return Err(format!(
                "two of its interfaces are named `{short}`, which callers could not tell apart: rename one"
            ));
        }
    }
    Ok(functions)
}

/// An `InstancePre` for each kind in use, and where the taps are.
fn link(
    machine: &Machine,
    component: &Component,
    passport: &Passport,
    manifest: &Manifest,
) -> Result<Linked, String> {
    let mut instances = BTreeMap::new();
    for kind in passport.kinds_in_use() {
        let linker = machine.linkers.of(kind, &passport.because(kind), component);
        let pre = linker.and_then(|linker| linker.instantiate_pre(component));
        let pre = pre.map_err(|error| {
            format!(
                "it does not fit the contract {PACKAGE}: {}; build it with this contract",
                innermost(&error)
            )
        })?;
        instances.insert(kind, pre);
    }
    let any = instances.values().next_back().ok_or("it exports nothing that could be called")?;
    let taps = TapIndices::find(any, &manifest.taps).map_err(|error| {
        format!("a tap does not fit the contract: {}; build it with this contract", innermost(&error))
    })?;
    Ok((instances, taps))
}

/// Refuses a component that names anything of WASI, be it a type.
fn refuse_wasi(component: &types::Component, engine: &wasmtime::Engine) -> Result<(), String> {
    match component.imports(engine).find(|(name, _)| name.starts_with("wasi:")) {
        None => Ok(()),
        Some((name, _)) => Err(format!(
            "it imports `{name}`, and the operator's policy refuses WASI: build it for wasm32-unknown-unknown, or set \
             `wasi = true` for this plugin there"
        )),
    }
}

/// Refuses a function that takes or gives a float.
fn refuse_floats(functions: &Functions) -> Result<(), String> {
    let mut all = functions.values().flat_map(BTreeMap::values);
    match all.find(|function| function.signature.has_floats()) {
        None => Ok(()),
        Some(function) => {
            Err(format!("`{}` has a float in its type, and {}", function.path, floats::REFUSED))
        }
    }
}

type Functions = BTreeMap<String, BTreeMap<String, Arc<Function>>>;
type Linked = (BTreeMap<Kind, InstancePre<State>>, TapIndices);

/// The cause that says most.
fn innermost(error: &wasmtime::Error) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ").replace('\n', " ")
}
