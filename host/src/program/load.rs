//! Loading: turns manifest, component and migrations into a [`Program`], or refuses them with a sentence.
//!
//! The order is read, pre-pass, compile, passport, link, install in the database, so that no work is done for a
//! plugin that an earlier step refuses. Tests: `tests/load/`.

use super::entry::TapIndices;
use super::profile::Profile;
use super::route::Route;
use super::{Function, Functions, Program};
use crate::engine::artifact::{self, Artifacts};
use crate::engine::compiler::{CompileError, Compiler};
use crate::engine::stack::GuestStacks;
use crate::engine::{self, Engine, Fuel, Missing};
use crate::engine::{floats, prepass};
use crate::error::LoadError;
use crate::memory::HostMemory;
use crate::metrics::Metrics;
use crate::plugin::passport::{CompilerLayers, Passport};
use crate::plugin::source::{Files, Source};
use crate::plugin::{Plugin, audit};
use crate::program::link::{Machine, Machines};
use crate::state::State;
use crate::supervision::Supervision;
use crate::value::{Declared, Docs, Signature};
use palisade_guard::address::AddressPolicy;
use palisade_guard::grant::{Grants, HttpGrant, Policy};
use palisade_guard::http::{Allowance, Egress};
use palisade_guard::kind::{Kind, PACKAGE};
use palisade_guard::limits::{
    COMPONENT_FUNCTIONS_MAX, COMPONENT_MEMORIES_MAX, COMPONENT_SIGNATURES_BYTES_MAX, COMPONENT_TABLES_MAX,
    CORE_INSTANCES_PER_COMPONENT, KIB, Limit, Limits, MEMORIES_PER_COMPONENT, PLUGIN_CONCURRENCY_MAX,
    TABLES_PER_COMPONENT,
};
use palisade_guard::manifest::Manifest;
use palisade_guard::memory::Reservation;
use palisade_guard::name::PluginName;
use palisade_guard::variables::Declarations;
use palisade_store::http::SecretStore;
use palisade_store::postgres::Database;
use palisade_store::postgres::canary::Login;
use palisade_store::postgres::role::{Look, Plan};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Semaphore;
use wasmtime::component::types::{self, ComponentItem};
use wasmtime::component::{Component, InstancePre};

/// What loading needs from a host.
pub(crate) struct Loader {
    pub(crate) machines: Machines,
    pub(crate) compiler: Compiler,
    pub(crate) artifacts: Option<Artifacts>,
    pub(crate) database: Database,
    pub(crate) addresses: AddressPolicy,
    pub(crate) secrets: Arc<dyn SecretStore>,
    pub(crate) supervision: Arc<Supervision>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) memory: Arc<HostMemory>,
    /// The limits that no plugin of the host may exceed.
    pub(crate) limits: Limits,
    /// Whether a plugin may be older than the version that was installed last.
    pub(crate) allows_downgrade: bool,
    /// Whether the host writes nothing to the database.
    pub(crate) only_looks: bool,
}

impl Loader {
    /// Opens a plugin's folder and reads its manifest, off the threads that serve requests.
    pub(crate) async fn open(&self, path: &Path) -> Result<Source, LoadError> {
        let path = path.to_owned();
        let opened = blocking(move || Source::open(&path)).await;
        opened.inspect_err(|error| self.refused(error))
    }

    /// Loads one plugin. It must not be called until [`attack`](Self::attack) has succeeded.
    pub(crate) async fn load(&self, source: Source, policy: &Policy) -> Result<Program, LoadError> {
        let loaded = match blocking(move || source.read()).await {
            Ok(files) => self.load_files(files, policy).await,
            Err(error) => Err(error),
        };
        loaded.inspect_err(|error| self.refused(error))
    }

    /// Records that a plugin was refused.
    pub(crate) fn refused(&self, error: &LoadError) {
        audit::refused(self.supervision.audit(), error);
    }

    async fn load_files(&self, files: Files, policy: &Policy) -> Result<Program, LoadError> {
        let Files { manifest, component, migrations } = files;
        let name = manifest.plugin.name.clone();
        let refuse = |sentence: String| LoadError::Component { plugin: name.to_string(), sentence };
        let limits = self.limits.clone().lowered_to(&policy.limits).lowered_to(&manifest.limits);
        let machine = self.machines.of(&limits).map_err(|error| LoadError::Engine(format!("{error:#}")))?;
        let fuel = Fuel::under(&limits);
        let compiled = self.compile(&machine.engine, &name, component, policy.floats, fuel).await;
        let Compiled { component, instances: instances_made, stacks, missing, declared } = compiled?;
        let code = self.reserve_code(&component).map_err(refuse)?;
        let grants = policy.grant(&manifest.grants);
        audit::denied(self.supervision.audit(), &name, &manifest.grants, &grants);
        let egress = self.egress(&grants).map_err(refuse)?;
        self.miss_secrets(&name, &grants);
        // A component's types can be many.
        let (linking, policy, granted) = (Arc::clone(&machine), policy.clone(), grants.clone());
        let linked = off_threads(move || {
            let mut linked = Linked::of(&linking, &component, &declared, &manifest, &policy, &granted)?;
            linked.passport.compiler = CompilerLayers { missing: missing.sentences() };
            Ok((linked, declared.docs, manifest, concurrency(&component, instances_made)))
        });
        let (linked, docs, manifest, concurrency) = linked.await.map_err(refuse)?;
        let docs = docs.unwrap_or_else(|why| {
            tracing::warn!(plugin = name.as_str(), "the docs in its component are left out: {why}");
            Docs::default()
        });
        let Linked { mut passport, functions, instances, tap_indices } = linked;
        let plan = Plan {
            name: &name,
            version: &manifest.plugin.version.to_string(),
            allows_downgrade: self.allows_downgrade,
            grants: &grants,
            storage: limits.get(Limit::Storage),
            migrations: &migrations,
        };
        let (installed, pending) = if self.only_looks {
            let (installed, Look { is_installed, pending }) = self.database.look(&plan).await?;
            if !is_installed || !pending.is_empty() {
                let untried = "the database, which is not tried before the plugin is installed in it";
                passport.database.missing = vec![untried.to_owned()];
            }
            (installed, pending)
        } else {
            (self.database.install(&plan).await?, Vec::new())
        };
        let availability = self.supervision.availability(&name);
        availability.of_pool(&installed.pool);
        let routes = grants.routes.iter().map(|grant| Arc::new(Route::of(grant))).collect();
        let plugin = Plugin {
            version: manifest.plugin.version,
            variables: Declarations::new(manifest.variables),
            tables: installed.tables,
            role: installed.role,
            pool: installed.pool,
            nested_pool: installed.nested_pool,
            signer: installed.signer,
            availability,
            tally: self.metrics.tally(&name, &passport.kinds_in_use()),
            memory: self.memory.share_of_plugin(&name),
            name,
            grants,
            limits,
            egress,
        };
        Ok(Program {
            plugin: Arc::new(plugin),
            description: manifest.plugin.description,
            docs,
            taps: manifest.taps,
            admission: Arc::new(Semaphore::new(concurrency)),
            machine,
            stacks,
            passport,
            functions,
            routes,
            pending,
            instances,
            tap_indices,
            tap_profiles: Default::default(),
            _code: code,
        })
    }

    /// Attacks the database with the plugin's login, and records in the passport which layers are missing.
    pub(crate) async fn attack(&self, mut program: Program) -> Result<Program, LoadError> {
        if !program.passport.database.missing.is_empty() {
            // The login is not there, or not as it will be.
            return Ok(program);
        }
        let plugin = &program.plugin;
        let (role, schema) = (plugin.role.as_str(), plugin.tables.schema());
        let login = Login { plugin: &plugin.name, role, schema, pool: &plugin.pool };
        let attacked = self.database.attack(&login).await.map_err(LoadError::from);
        program.passport.database.missing =
            attacked.inspect_err(|error| audit::refused(self.supervision.audit(), error))?;
        Ok(program)
    }

    /// Reserves the bytes of compiled code, which stay in memory while the plugin is loaded.
    fn reserve_code(&self, component: &Component) -> Result<Reservation, String> {
        let code = component.image_range();
        let bytes = code.end.addr().saturating_sub(code.start.addr()) as u64;
        let mut reservation = self.memory.budget().reservation(None, None).exact();
        let reserved = reservation.grow(bytes);
        reserved.map(|()| reservation).map_err(|out| format!("{out}: its code takes {} KiB", bytes / KIB))
    }

    /// The external servers that the grants name.
    fn egress(&self, grants: &Grants) -> Result<Egress, String> {
        let allowances = grants.http.iter().map(|entry| {
            let methods = (!entry.methods.is_empty()).then_some(entry.methods.as_slice());
            Allowance::parse(&entry.url, methods, entry.secret.as_deref())
        });
        let allowances =
            allowances.collect::<Result<Vec<_>, _>>().map_err(|error| format!("[grants] http: {error}"))?;
        Ok(Egress { allowances, addresses: self.addresses.clone() })
    }

    /// Tells the operator which secrets the grants name and nobody has set. The plugin is loaded all the same: only requests that
    /// name such a secret fail.
    fn miss_secrets(&self, plugin: &PluginName, grants: &Grants) {
        for HttpGrant { url, secret, .. } in &grants.http {
            let Some(secret) =
                secret.as_deref().filter(|name| self.secrets.get(plugin.as_str(), name).is_none())
            else {
                continue;
            };
            let plugin = plugin.as_str();
            tracing::warn!(
                plugin,
                "nobody has set the secret `{secret}`, which its grant of {url} names, so its requests with that secret fail: add \
                 `{secret} = {{ header = \"authorization\", value = \"…\" }}` to [{plugin}] of secrets.toml"
            );
        }
    }

    /// Runs the pre-pass and compiles, off the threads that serve requests.
    async fn compile(
        &self,
        engine: &Engine,
        plugin: &PluginName,
        bytes: Vec<u8>,
        floats: bool,
        fuel: Fuel,
    ) -> Result<Compiled, LoadError> {
        let refuse = |sentence| LoadError::Component { plugin: plugin.to_string(), sentence };
        let refused = |why: String| refuse(format!("the component is refused: {why}"));
        let artifacts = self.artifacts.clone();
        let ours = engine.clone();
        let checked = off_threads(move || {
            let instances = prepass::check(&bytes)?;
            if !floats {
                floats::check(&bytes)?;
            }
            let found = artifacts.and_then(|artifacts| artifacts.find(&ours, &bytes));
            let stacks = GuestStacks::of(&bytes);
            // Only a component that the compiler has accepted was kept.
            let found = found.map(|(component, missing)| (component, missing, Declared::of(&bytes)));
            Ok((bytes, instances, stacks, found))
        });
        let (bytes, instances, stacks, found) = checked.await.map_err(refuse)?;
        if let Some((component, missing, declared)) = found {
            return Ok(Compiled { component, instances, stacks, missing, declared });
        }
        let compiled = self.compiler.compile(fuel, engine::settings(engine.wasmtime()), &bytes).await;
        let compiled = compiled.map_err(|error| match error {
            CompileError::Component(why) => refused(why),
            other => LoadError::Compiler(other.to_string()),
        })?;
        let (artifacts, ours) = (self.artifacts.clone(), engine.clone());
        let loaded = off_threads(move || {
            let component =
                artifact::load(&ours, &compiled.code).map_err(|error| engine::innermost(&error))?;
            if let Some(artifacts) = artifacts {
                artifacts.keep(&ours, &bytes, &compiled);
            }
            Ok((component, compiled.missing, Declared::of(&bytes)))
        });
        let (component, missing, declared) = loaded.await.map_err(refused)?;
        Ok(Compiled { component, instances, stacks, missing, declared })
    }
}

/// A compiled component.
struct Compiled {
    component: Component,
    /// How many core instances it makes.
    instances: usize,
    stacks: GuestStacks,
    /// How the compiler was confined.
    missing: Missing,
    declared: Declared,
}

/// Runs slow work on a thread for blocking work, so that no request waits for it.
async fn off_threads<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| format!("its check ended early: {error}"))?
}

/// Runs work that waits for the disk on a thread for blocking work.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(LoadError::Engine(format!("reading the plugin's files ended early: {error}")))
    })
}

/// The functions that callers can call, with their types mapped to JSON.
fn functions(
    engine: &wasmtime::Engine,
    component: &Component,
    declared: &Declared,
    passport: &Passport,
) -> Result<Functions, String> {
    let mut functions = Functions::new();
    let (mut count, mut bytes) = (0_usize, 0_usize);
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
                // Before the types are spelled out: each function can take a little of the host's memory for ever.
                count += 1;
                if count > COMPONENT_FUNCTIONS_MAX {
                    return Err(format!(
                        "it exports more than {COMPONENT_FUNCTIONS_MAX} functions: split the plugin"
                    ));
                }
                let signature = Signature::of(plain, name, &function).map_err(|error| error.to_string())?;
                bytes += signature.bytes();
                if bytes > COMPONENT_SIGNATURES_BYTES_MAX {
                    return Err(format!(
                        "the types of its functions take over {COMPONENT_SIGNATURES_BYTES_MAX} bytes to describe, counted up to \
                         `{short}/{name}`: share less between functions, shorten the names, or split the plugin"
                    ));
                }
                let signature = signature.named(declared, export, name);
                let (_, index) =
                    component.get_export(Some(&parent), name).ok_or("a function has no index")?;
                let (path, profile) = (format!("{short}/{name}").into(), Profile::default());
                let function = Function { path, kind: *kind, signature, profile, export: index };
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

/// A component that is explained and linked.
struct Linked {
    passport: Passport,
    functions: Functions,
    instances: BTreeMap<Kind, InstancePre<State>>,
    tap_indices: TapIndices,
}

impl Linked {
    /// Issues the passport, maps the types of the functions, and links the component for each kind, or says what the component,
    /// its manifest or the operator's policy lacks.
    fn of(
        machine: &Machine,
        component: &Component,
        declared: &Declared,
        manifest: &Manifest,
        policy: &Policy,
        grants: &Grants,
    ) -> Result<Self, String> {
        let engine = machine.engine.wasmtime();
        let types = component.component_type();
        if !policy.wasi {
            refuse_wasi(&types, engine)?;
        }
        let passport = Passport::issue(&types, engine, manifest, grants)?;
        let taps = passport.taps.keys().map(|tap| tap.trim_start_matches("tap-"));
        if let Some(tap) = taps.into_iter().find(|tap| !policy.allows_tap(tap)) {
            return Err(format!(
                "the operator's policy does not let it tap `{tap}`: add `taps = [\"{tap}\"]` to its grants there"
            ));
        }
        let functions = functions(engine, component, declared, &passport)?;
        if !policy.floats {
            refuse_floats(&functions)?;
        }
        let (instances, tap_indices) = link(machine, component, &passport, manifest)?;
        Ok(Self { passport, functions, instances, tap_indices })
    }
}

/// Makes an `InstancePre` for each kind in use, and finds the taps.
fn link(
    machine: &Machine,
    component: &Component,
    passport: &Passport,
    manifest: &Manifest,
) -> Result<(BTreeMap<Kind, InstancePre<State>>, TapIndices), String> {
    let mut instances = BTreeMap::new();
    for kind in passport.kinds_in_use() {
        let linker = machine.linkers.of(kind, &passport.because(kind), component);
        let pre = linker.and_then(|linker| linker.instantiate_pre(component));
        let pre = pre.map_err(|error| {
            format!(
                "it does not fit the contract {PACKAGE}: {}; build it with this contract",
                engine::innermost(&error)
            )
        })?;
        instances.insert(kind, pre);
    }
    let any = instances.values().next_back().ok_or("it exports nothing that could be called")?;
    let taps = TapIndices::find(any, &manifest.taps, !passport.routes.is_empty()).map_err(|error| {
        format!(
            "a tap or its handler does not fit the contract: {}; build it with this contract",
            engine::innermost(&error)
        )
    })?;
    Ok((instances, taps))
}

/// Refuses a component that imports anything from WASI, even a type.
fn refuse_wasi(component: &types::Component, engine: &wasmtime::Engine) -> Result<(), String> {
    match component.imports(engine).find(|(name, _)| name.starts_with("wasi:")) {
        None => Ok(()),
        Some((name, _)) => Err(format!(
            "it imports `{name}`, and the operator's policy refuses WASI: build it for wasm32-unknown-unknown, or set \
             `wasi = true` for this plugin there"
        )),
    }
}

/// Refuses a function that takes or returns a float.
fn refuse_floats(functions: &Functions) -> Result<(), String> {
    let mut all = functions.values().flat_map(BTreeMap::values);
    match all.find(|function| function.signature.has_floats()) {
        None => Ok(()),
        Some(function) => {
            Err(format!("`{}` has a float in its type, and {}", function.path, floats::REFUSED))
        }
    }
}

/// How many invocations of a component may run at once. A component whose instances take more of the pool than usual gets
/// fewer, so that no plugin can hold a larger share of the pool than others.
fn concurrency(component: &Component, instances: usize) -> usize {
    let (memories, tables) =
        component.resources_required().map_or((COMPONENT_MEMORIES_MAX, COMPONENT_TABLES_MAX), |needs| {
            (needs.num_memories, needs.num_tables)
        });
    let factor = |needs: usize, usual: u32| needs.div_ceil(usual as usize);
    let most = factor(instances, CORE_INSTANCES_PER_COMPONENT)
        .max(factor(memories as usize, MEMORIES_PER_COMPONENT))
        .max(factor(tables as usize, TABLES_PER_COMPONENT));
    PLUGIN_CONCURRENCY_MAX.checked_div(most).unwrap_or(PLUGIN_CONCURRENCY_MAX).max(1)
}
