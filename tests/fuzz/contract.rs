//! Reads the contract by reflection, and builds a guest that can call any of its functions. A function that is added
//! to `wit/` is fuzzed without further work.
//!
//! The guest knows nothing about values. It gets an image of its memory and a list of steps (see [`super::script`]),
//! and passes the core numbers of each step to the import unchanged. So it can obey or break every rule of the ABI.

use super::lower::{BASE, cases, kind};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmSignature, WasmType};
use wit_parser::{Function, Handle, Resolve, SizeAlign, Type, TypeDefKind, TypeId, WorldId, WorldItem};

/// The functions that plugins import.
pub struct Contract {
    pub resolve: Resolve,
    pub sizes: SizeAlign,
    pub imports: Vec<Import>,
    world: WorldId,
}

/// An imported function, or the drop function of a resource.
pub struct Import {
    /// The interface, as `db`, and as a name with package and version.
    pub interface: String,
    module: String,
    pub name: String,
    /// `None` for the drop function of a resource.
    pub function: Option<Function>,
    pub signature: WasmSignature,
    /// The resource whose handle is the first argument.
    pub takes: Option<TypeId>,
    /// The resource whose handle is in the result, and its offset.
    pub gives: Option<(TypeId, u32)>,
}

/// The kinds. The guest exports one function for each.
pub const KINDS: [&str; 3] = ["query", "mutation", "action"];

/// The address at which the guest stores the address of its answer.
const ANSWER: u32 = 16;
/// How many bytes of its memory the guest answers with.
const ANSWER_BYTES_MAX: u32 = 0x4_0000;

impl Contract {
    /// Reads `wit/`.
    pub fn read() -> Self {
        let mut resolve = Resolve::default();
        resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit")).unwrap();
        let run = "run: func(image: list<u8>) -> list<u8>;";
        let interfaces = KINDS.map(|kind| format!("interface {kind} {{ {run} }}"));
        let exports = KINDS.map(|kind| format!("export {kind};"));
        let text = format!(
            "package fuzz:imports; {} world guest {{ include palisade:plugin/plugin@0.1.0; {} }}",
            interfaces.concat(),
            exports.concat()
        );
        let package = resolve.push_str("guest.wit", &text).unwrap();
        let world = resolve.select_world(&[package], Some("guest")).unwrap();
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve);
        let mut contract = Self { resolve, sizes, imports: Vec::new(), world };
        contract.imports = contract.reflect();
        contract
    }

    fn reflect(&self) -> Vec<Import> {
        let mut imports = Vec::new();
        for (key, item) in &self.resolve.worlds[self.world].imports {
            let WorldItem::Interface { id, .. } = item else { continue };
            let (interface, module) = (&self.resolve.interfaces[*id], self.resolve.name_world_key(key));
            for function in interface.functions.values() {
                imports.push(self.import(module.clone(), function));
            }
            for (name, ty) in &interface.types {
                if matches!(self.resolve.types[*ty].kind, TypeDefKind::Resource) {
                    imports.push(Import {
                        name: format!("[resource-drop]{name}"),
                        function: None,
                        signature: dropping(),
                        takes: Some(*ty),
                        gives: None,
                        ..named(module.clone())
                    });
                }
            }
        }
        imports
    }

    fn import(&self, module: String, function: &Function) -> Import {
        let takes = function.params.first().and_then(|first| match kind(&self.resolve, &first.ty) {
            Some(TypeDefKind::Handle(Handle::Borrow(resource) | Handle::Own(resource))) => Some(*resource),
            _ => None,
        });
        Import {
            name: function.name.clone(),
            signature: self.resolve.wasm_signature(AbiVariant::GuestImport, function),
            takes,
            gives: function.result.and_then(|ty| self.owned(&ty, 0)),
            function: Some(function.clone()),
            ..named(module)
        }
    }

    /// The offset of a handle in a value.
    fn owned(&self, ty: &Type, at: u32) -> Option<(TypeId, u32)> {
        match kind(&self.resolve, ty)? {
            TypeDefKind::Handle(Handle::Own(resource)) => Some((*resource, at)),
            TypeDefKind::Record(record) => {
                let fields = self.sizes.field_offsets(record.fields.iter().map(|field| &field.ty));
                fields.into_iter().find_map(|(offset, ty)| self.owned(ty, at + offset.size_wasm32() as u32))
            }
            TypeDefKind::Result(result) => {
                let (tag, cases) = cases(&self.resolve, ty);
                let offset = self.sizes.payload_offset(tag, cases.iter().map(Option::as_ref));
                self.owned(&result.ok?, at + offset.size_wasm32() as u32)
            }
            TypeDefKind::Option(some) => {
                let (tag, cases) = cases(&self.resolve, ty);
                let offset = self.sizes.payload_offset(tag, cases.iter().map(Option::as_ref));
                self.owned(some, at + offset.size_wasm32() as u32)
            }
            _ => None,
        }
    }

    /// A folder with the guest as the plugin `fuzz`, and these additional lines in its manifest.
    pub fn plugin(&self, manifest: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let exports = KINDS.map(|kind| format!("\"fuzz:imports/{kind}\" = \"{kind}\"\n"));
        let text = format!(
            "[plugin]\nname = \"fuzz\"\nversion = \"0.1.0\"\ncomponent = \"fuzz.wasm\"\n[exports]\n{}{manifest}",
            exports.concat()
        );
        std::fs::write(folder.path().join("palisade.toml"), text).unwrap();
        std::fs::write(folder.path().join("fuzz.wasm"), self.component()).unwrap();
        folder
    }

    fn component(&self) -> Vec<u8> {
        let mut module = wat::parse_str(self.module()).unwrap();
        embed_component_metadata(&mut module, &self.resolve, self.world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().module(&module).unwrap().validate(true).encode().unwrap()
    }

    /// The guest as WebAssembly text.
    fn module(&self) -> String {
        let (mut imports, mut calls) = (String::new(), String::new());
        for (index, import) in self.imports.iter().enumerate() {
            let spelled = |types: &[WasmType]| types.iter().map(|ty| core(*ty)).collect::<Vec<_>>().join(" ");
            let Import { module, name, signature, .. } = import;
            let (params, results) = (spelled(&signature.params), spelled(&signature.results));
            let _infallible = writeln!(
                imports,
                "(import \"{module}\" \"{name}\" (func $i{index} (param {params}) (result {results})))"
            );
            let _infallible = writeln!(
                calls,
                "(func $s{index} (type $step) (param $a i32) (param $r i32) {})",
                import.call(index)
            );
        }
        let table: Vec<String> = (0..self.imports.len()).map(|index| format!("$s{index}")).collect();
        let table = table.join(" ");
        let exports = KINDS.map(|kind| format!("(export \"fuzz:imports/{kind}#run\" (func $run))"));
        format!(
            "(module (type $step (func (param $a i32) (param $r i32))) {imports}
               (memory (export \"memory\") 2) (global $top (mut i32) (i32.const {BASE}))
               (table funcref (elem {table})) {calls} {GUEST} {})",
            exports.concat()
        )
        .replace("ANSWER_BYTES_MAX", &ANSWER_BYTES_MAX.to_string())
        .replace("ANSWER", &ANSWER.to_string())
    }
}

impl Import {
    /// The name for messages, such as `db.select`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.interface, self.name)
    }

    /// The number of core arguments, without the address for the result.
    pub fn width(&self) -> usize {
        self.signature.params.len() - usize::from(self.signature.retptr)
    }

    /// Calls it with the arguments at `$a` and stores its result at `$r`.
    fn call(&self, index: usize) -> String {
        let numbers = self.signature.params.iter().take(self.width()).enumerate().map(|(index, ty)| {
            let number = format!("(i64.load offset={} (local.get $a))", 8 * index);
            match core(*ty) {
                "i64" => number,
                "i32" => format!("(i32.wrap_i64 {number})"),
                "f64" => format!("(f64.reinterpret_i64 {number})"),
                _ => format!("(f32.reinterpret_i32 (i32.wrap_i64 {number}))"),
            }
        });
        let numbers: String = numbers.collect();
        let call = |more: &str| format!("(call $i{index} {numbers} {more})");
        match self.signature.results.first() {
            Some(ty) => format!("({}.store (local.get $r) {})", core(*ty), call("")),
            None if self.signature.retptr => call("(local.get $r)"),
            None => call(""),
        }
    }
}

/// An import of which only the module is known.
fn named(module: String) -> Import {
    let interface = module.rsplit('/').next().unwrap_or(&module).split('@').next().unwrap_or_default();
    Import {
        interface: interface.to_owned(),
        module,
        name: String::new(),
        function: None,
        signature: dropping(),
        takes: None,
        gives: None,
    }
}

fn dropping() -> WasmSignature {
    WasmSignature { params: vec![WasmType::I32], results: Vec::new(), indirect_params: false, retptr: false }
}

fn core(ty: WasmType) -> &'static str {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    }
}

/// Runs the steps. The image starts with the number of steps and the start of the answer. For each step follow the
/// function, the address of its arguments, the address of its result, and the words to copy first. The copy passes a
/// handle from one result to the arguments of another call.
const GUEST: &str = "
    (func (export \"cabi_realloc\") (param $old i32) (param $had i32) (param $align i32) (param $new i32) (result i32)
      (local $at i32) (local $end i32)
      (local.set $at (i32.and (i32.add (global.get $top) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
      (local.set $end (i32.add (local.get $at) (local.get $new)))
      (if (i32.lt_u (local.get $end) (local.get $at)) (then unreachable))
      (if (i32.gt_u (local.get $end) (i32.mul (memory.size) (i32.const 65536))) (then
        (drop (memory.grow (i32.add (i32.const 1) (i32.shr_u (i32.sub (local.get $end) (i32.mul (memory.size) (i32.const 65536))) (i32.const 16)))))))
      (global.set $top (local.get $end))
      (memory.copy (local.get $at) (local.get $old) (local.get $had))
      (local.get $at))
    (func $run (param $e i32) (param $bytes i32) (result i32)
      (local $end i32) (local $from i32) (local $copy i32) (local $left i32)
      (local.set $from (i32.load offset=4 (local.get $e)))
      (local.set $end (i32.add (i32.add (local.get $e) (i32.const 8)) (i32.mul (i32.const 20) (i32.load (local.get $e)))))
      (local.set $e (i32.add (local.get $e) (i32.const 8)))
      (block $done (loop $steps
        (br_if $done (i32.ge_u (local.get $e) (local.get $end)))
        (local.set $copy (i32.load offset=12 (local.get $e)))
        (local.set $left (i32.load offset=16 (local.get $e)))
        (block $copied (loop $words
          (br_if $copied (i32.eqz (local.get $left)))
          (i32.store (i32.load offset=4 (local.get $copy)) (i32.load (i32.load (local.get $copy))))
          (local.set $copy (i32.add (local.get $copy) (i32.const 8)))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (br $words)))
        (call_indirect (type $step) (i32.load offset=4 (local.get $e)) (i32.load offset=8 (local.get $e)) (i32.load (local.get $e)))
        (local.set $e (i32.add (local.get $e) (i32.const 20)))
        (br $steps)))
      (i32.store (i32.const ANSWER) (local.get $from))
      (local.set $bytes (i32.sub (global.get $top) (local.get $from)))
      (i32.store offset=4 (i32.const ANSWER)
        (select (local.get $bytes) (i32.const ANSWER_BYTES_MAX) (i32.lt_u (local.get $bytes) (i32.const ANSWER_BYTES_MAX))))
      (i32.const ANSWER))";

/// The migrations with the tables that the guest may use.
pub fn migrations() -> PathBuf {
    crate::harness::guest("sql").join("migrations")
}
