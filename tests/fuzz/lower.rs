//! Lowers values by the rules of the canonical ABI: to bytes in a guest's memory and to core numbers.

use super::values::Tree;
use wit_parser::abi::{FlatTypes, WasmType};
use wit_parser::{Int, Resolve, SizeAlign, Type, TypeDefKind};

/// The address of a guest's image in its memory.
pub const BASE: u32 = 0x1_0000;

/// A part of a guest's memory.
#[derive(Default)]
pub struct Image {
    pub bytes: Vec<u8>,
}

impl Image {
    /// Allocates this many zero bytes and returns their address.
    pub fn space(&mut self, length: usize, align: usize) -> u32 {
        let at = self.bytes.len().next_multiple_of(align.max(1));
        self.bytes.resize(at + length, 0);
        BASE + at as u32
    }

    /// Overwrites the bytes at an address.
    pub fn put(&mut self, address: u32, bytes: &[u8]) {
        let at = (address - BASE) as usize;
        self.bytes[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Overwrites the 32-bit number at an address.
    pub fn put_word(&mut self, address: u32, word: u32) {
        self.put(address, &word.to_le_bytes());
    }
}

/// Writes values into an image.
pub struct Lowering<'a> {
    pub resolve: &'a Resolve,
    pub sizes: &'a SizeAlign,
    pub image: &'a mut Image,
}

impl Lowering<'_> {
    /// Appends the core numbers of a value, each as 64 bits. Strings and lists go to memory.
    pub fn flat(&mut self, ty: &Type, tree: &Tree, out: &mut Vec<u64>) {
        match tree {
            Tree::Word(word) if is_narrow(ty) => out.push(u64::from(*word as u32)),
            Tree::Word(word) => out.push(*word),
            Tree::Single(float) => out.push(u64::from(float.to_bits())),
            Tree::Double(float) => out.push(float.to_bits()),
            Tree::Handle(handle) => out.push(u64::from(*handle)),
            Tree::Text(_) | Tree::Bytes(_) | Tree::List(_) => {
                let (address, length) = self.elements(ty, tree);
                out.extend([u64::from(address), u64::from(length)]);
            }
            Tree::Fields(trees) => {
                for (ty, tree) in self.fields(ty).iter().zip(trees) {
                    self.flat(ty, tree, out);
                }
            }
            Tree::Flags(flags) => out.extend(flags.chunks(32).map(|some| u64::from(word(some)))),
            Tree::Case(case, payload) => {
                let end = out.len() + self.width(ty);
                out.push(*case as u64);
                if let (Some(ty), Some(tree)) = (self.cases(ty).1[*case], payload) {
                    self.flat(&ty, tree, out);
                }
                out.resize(end, 0);
            }
        }
    }

    /// Stores all arguments of a function that has too many for core numbers. Returns their address.
    pub fn store_all(&mut self, types: &[Type], trees: &[Tree]) -> u32 {
        let whole = self.sizes.params(types);
        let at = self.image.space(whole.size.size_wasm32(), whole.align.align_wasm32());
        for ((offset, ty), tree) in self.sizes.field_offsets(types).into_iter().zip(trees) {
            self.store(ty, tree, at + offset.size_wasm32() as u32);
        }
        at
    }

    /// Stores a value at an address.
    pub fn store(&mut self, ty: &Type, tree: &Tree, address: u32) {
        match tree {
            Tree::Word(word) => {
                let size = self.sizes.size(ty).size_wasm32();
                self.image.put(address, &word.to_le_bytes()[..size]);
            }
            Tree::Single(float) => self.image.put(address, &float.to_le_bytes()),
            Tree::Double(float) => self.image.put(address, &float.to_le_bytes()),
            Tree::Handle(handle) => self.image.put_word(address, *handle),
            Tree::Text(_) | Tree::Bytes(_) | Tree::List(_) => {
                let (at, length) = self.elements(ty, tree);
                self.image.put_word(address, at);
                self.image.put_word(address + 4, length);
            }
            Tree::Fields(trees) => {
                let fields = self.fields(ty);
                for ((offset, ty), tree) in self.sizes.field_offsets(&fields).into_iter().zip(trees) {
                    self.store(ty, tree, address + offset.size_wasm32() as u32);
                }
            }
            Tree::Flags(flags) => {
                let size = self.sizes.size(ty).size_wasm32();
                let bytes: Vec<u8> = flags.chunks(32).flat_map(|some| word(some).to_le_bytes()).collect();
                self.image.put(address, &bytes[..size]);
            }
            Tree::Case(case, payload) => {
                let (tag, cases) = self.cases(ty);
                self.image.put(address, &case.to_le_bytes()[..bytes(tag)]);
                if let (Some(ty), Some(tree)) = (cases[*case], payload) {
                    let offset = self.sizes.payload_offset(tag, cases.iter().map(Option::as_ref));
                    self.store(&ty, tree, address + offset.size_wasm32() as u32);
                }
            }
        }
    }

    /// Stores a string or list and returns its address and length.
    fn elements(&mut self, ty: &Type, tree: &Tree) -> (u32, u32) {
        let bytes = match tree {
            Tree::Text(text) => text.as_bytes(),
            Tree::Bytes(bytes) => bytes,
            Tree::List(trees) => {
                let TypeDefKind::List(element) = *kind(self.resolve, ty).unwrap() else {
                    panic!("not a list")
                };
                let size = self.sizes.size(&element).size_wasm32();
                let at = self.image.space(size * trees.len(), self.sizes.align(&element).align_wasm32());
                for (index, tree) in trees.iter().enumerate() {
                    self.store(&element, tree, at + (index * size) as u32);
                }
                return (at, trees.len() as u32);
            }
            _ => panic!("not a list"),
        };
        let at = self.image.space(bytes.len(), 1);
        self.image.put(at, bytes);
        (at, bytes.len() as u32)
    }

    fn fields(&self, ty: &Type) -> Vec<Type> {
        match kind(self.resolve, ty) {
            Some(TypeDefKind::Record(record)) => record.fields.iter().map(|field| field.ty).collect(),
            Some(TypeDefKind::Tuple(tuple)) => tuple.types.clone(),
            _ => panic!("not a record"),
        }
    }

    fn cases(&self, ty: &Type) -> (Int, Vec<Option<Type>>) {
        cases(self.resolve, ty)
    }

    fn width(&self, ty: &Type) -> usize {
        let mut space = [WasmType::I32; 64];
        let mut flat = FlatTypes::new(&mut space);
        assert!(self.resolve.push_flat(ty, &mut flat), "a type has more than 64 core numbers");
        flat.to_vec().len()
    }
}

/// The definition of a type behind its aliases. `None` for a primitive.
pub fn kind<'a>(resolve: &'a Resolve, ty: &Type) -> Option<&'a TypeDefKind> {
    let Type::Id(id) = ty else { return None };
    match &resolve.types[*id].kind {
        TypeDefKind::Type(inner) => kind(resolve, inner),
        kind => Some(kind),
    }
}

/// The discriminant of a type with cases, and the payload of each case.
pub fn cases(resolve: &Resolve, ty: &Type) -> (Int, Vec<Option<Type>>) {
    match kind(resolve, ty) {
        Some(TypeDefKind::Variant(variant)) => {
            (variant.tag(), variant.cases.iter().map(|case| case.ty).collect())
        }
        Some(TypeDefKind::Enum(cases)) => (cases.tag(), vec![None; cases.cases.len()]),
        Some(TypeDefKind::Option(some)) => (Int::U8, vec![None, Some(*some)]),
        Some(TypeDefKind::Result(result)) => (Int::U8, vec![result.ok, result.err]),
        _ => panic!("not a variant"),
    }
}

fn is_narrow(ty: &Type) -> bool {
    !matches!(ty, Type::U64 | Type::S64)
}

fn word(flags: &[bool]) -> u32 {
    flags.iter().enumerate().map(|(index, flag)| u32::from(*flag) << index).sum()
}

fn bytes(int: Int) -> usize {
    match int {
        Int::U8 => 1,
        Int::U16 => 2,
        Int::U32 => 4,
        Int::U64 => 8,
    }
}
