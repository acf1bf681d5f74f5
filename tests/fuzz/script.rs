//! A script: the steps that the guest of [`super::contract`] runs in one invocation, and how its answer describes
//! each step.

use super::contract::{Contract, Import};
use super::dice::Dice;
use super::lower::{BASE, Image, Lowering, kind};
use super::values::{Maker, Tree};
use wit_parser::{Type, TypeDefKind};

/// The maximum number of steps in a script.
pub const STEPS_MAX: usize = 8;
/// Bytes of the image's head, and of its entry for a step.
const HEAD_BYTES: usize = 8;
const STEP_BYTES: usize = 20;
/// The maximum number of values in a step.
const VALUES_MAX: usize = 3_000;
/// The maximum size of an image in bytes, which is what a call accepts.
const IMAGE_BYTES_MAX: usize = 1_000_000;

/// Calls of imports, one after the other.
pub struct Script<'a> {
    contract: &'a Contract,
    image: Image,
    steps: Vec<Step<'a>>,
    /// The address of the results.
    results: u32,
}

struct Step<'a> {
    import: &'a Import,
    numbers: u32,
    /// The step whose handle this step uses.
    from: Option<usize>,
    result: u32,
}

/// How a step ended.
pub enum Ended {
    /// With a value that is not an error.
    Value,
    /// With an error: its case, and its text if it has one.
    Error(String, String),
}

impl<'a> Script<'a> {
    pub fn new(contract: &'a Contract) -> Self {
        let mut image = Image::default();
        image.space(HEAD_BYTES + STEPS_MAX * STEP_BYTES, 1);
        Self { contract, image, steps: Vec::new(), results: 0 }
    }

    /// Whether another step fits.
    pub fn has_room(&self) -> bool {
        self.steps.len() < STEPS_MAX && self.image.bytes.len() < IMAGE_BYTES_MAX / 2
    }

    /// Adds a call with values of the right types, which pass the first check if `is_plausible` is set. A handle comes
    /// from an earlier step if there is one, even if it is already closed.
    pub fn call(
        &mut self,
        dice: &mut Dice,
        import: &'a Import,
        is_plausible: bool,
        names: &dyn Fn(String) -> String,
    ) {
        let from = self.holder(dice, import);
        let mut numbers = Vec::new();
        match &import.function {
            None => numbers.push(dice.integer()),
            Some(function) => {
                let mut maker =
                    Maker { resolve: &self.contract.resolve, dice, is_plausible, left: VALUES_MAX };
                let mut values = maker.arguments(function);
                for value in &mut values {
                    named(value, names);
                }
                let mut lowering = Lowering {
                    resolve: &self.contract.resolve,
                    sizes: &self.contract.sizes,
                    image: &mut self.image,
                };
                if import.signature.indirect_params {
                    let types: Vec<Type> = function.params.iter().map(|parameter| parameter.ty).collect();
                    numbers.push(u64::from(lowering.store_all(&types, &values)));
                } else {
                    for (parameter, value) in function.params.iter().zip(&values) {
                        lowering.flat(&parameter.ty, value, &mut numbers);
                    }
                }
            }
        }
        self.push(import, &numbers, from);
    }

    /// Adds a call with arbitrary core numbers as pointers, lengths, discriminants and handles.
    pub fn raw(&mut self, dice: &mut Dice, import: &'a Import) {
        let from = self.holder(dice, import).filter(|_| dice.one_in(2));
        let size = dice.below(300);
        let rubbish = dice.bytes(size);
        let at = self.image.space(rubbish.len(), 8);
        self.image.put(at, &rubbish);
        let mut number = || match dice.below(6) {
            0 => u64::from(at) + dice.below(16) as u64,
            1 => dice.below(40) as u64,
            2 => u64::from(BASE) * 2 - dice.below(16) as u64,
            _ => dice.integer(),
        };
        let numbers: Vec<u64> = (0..import.width()).map(|_| number()).collect();
        self.push(import, &numbers, from);
    }

    /// An earlier step that returns the kind of handle that an import takes.
    fn holder(&self, dice: &mut Dice, import: &Import) -> Option<usize> {
        let holds = |step: &Step<'_>| step.import.gives.is_some_and(|(gives, _)| Some(gives) == import.takes);
        let holders: Vec<usize> = (0..self.steps.len()).filter(|index| holds(&self.steps[*index])).collect();
        (!holders.is_empty() && !dice.one_in(5)).then(|| *dice.pick(&holders))
    }

    fn push(&mut self, import: &'a Import, numbers: &[u64], from: Option<usize>) {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        let at = self.image.space(bytes.len(), 8);
        self.image.put(at, &bytes);
        self.steps.push(Step { import, numbers: at, from, result: 0 });
    }

    /// The image for the guest. `None` if it is too large.
    pub fn finish(&mut self) -> Option<&[u8]> {
        let copies = self.image.space(8 * self.steps.len(), 8);
        self.results = self.image.space(0, 8);
        for step in &mut self.steps {
            let size = step.import.function.as_ref().and_then(|function| function.result);
            let size = size.map_or(0, |ty| self.contract.sizes.size(&ty).size_wasm32());
            step.result = self.image.space(size.max(8), 8);
        }
        self.image.put_word(BASE, self.steps.len() as u32);
        self.image.put_word(BASE + 4, self.results);
        for (index, step) in self.steps.iter().enumerate() {
            let (entry, copy) = (BASE + (HEAD_BYTES + index * STEP_BYTES) as u32, copies + 8 * index as u32);
            let place = self.contract.imports.iter().position(|import| std::ptr::eq(import, step.import));
            let words =
                [place.unwrap() as u32, step.numbers, step.result, copy, u32::from(step.from.is_some())];
            for (word, at) in words.into_iter().zip((entry..).step_by(4)) {
                self.image.put_word(at, word);
            }
            if let Some(holder) = step.from.map(|from| &self.steps[from]) {
                let (_, offset) = holder.import.gives.unwrap();
                self.image.put_word(copy, holder.result + offset);
                self.image.put_word(copy + 4, step.numbers);
            }
        }
        (self.image.bytes.len() <= IMAGE_BYTES_MAX).then_some(&self.image.bytes)
    }

    /// Each step and how it ended, read from the guest's answer.
    pub fn ended(&self, answer: &[u8]) -> Vec<(&'a Import, Ended)> {
        let answer = Answer { bytes: answer, from: self.results };
        let ended = |step: &Step<'a>| {
            let ty = step.import.function.as_ref().and_then(|function| function.result);
            (step.import, ty.and_then(|ty| self.error(&answer, &ty, step.result)).unwrap_or(Ended::Value))
        };
        self.steps.iter().map(ended).collect()
    }

    /// The imports in order, for failure messages.
    pub fn paths(&self) -> String {
        self.steps.iter().map(|step| step.import.path()).collect::<Vec<_>>().join(", ")
    }

    /// The `err` at an address, if there is one.
    fn error(&self, answer: &Answer<'_>, ty: &Type, at: u32) -> Option<Ended> {
        let Contract { resolve, sizes, .. } = self.contract;
        let Some(TypeDefKind::Result(result)) = kind(resolve, ty) else { return None };
        let (tag, cases) = super::lower::cases(resolve, ty);
        if answer.byte(at)? == 0 {
            return None;
        }
        let at = at + sizes.payload_offset(tag, cases.iter().map(Option::as_ref)).size_wasm32() as u32;
        let Some(TypeDefKind::Variant(error)) = result.err.as_ref().and_then(|ty| kind(resolve, ty)) else {
            return Some(Ended::Error("err".into(), String::new()));
        };
        let case = &error.cases[usize::from(answer.byte(at)?)];
        let offset = sizes.payload_offset(error.tag(), error.cases.iter().map(|case| case.ty.as_ref()));
        let text = match case.ty {
            Some(Type::String) => answer.text(at + offset.size_wasm32() as u32),
            _ => None,
        };
        Some(Ended::Error(case.name.clone(), text.unwrap_or_default()))
    }
}

/// The part of a guest's memory that is its answer.
struct Answer<'a> {
    bytes: &'a [u8],
    from: u32,
}

impl Answer<'_> {
    fn slice(&self, at: u32, length: u32) -> Option<&[u8]> {
        let at = at.checked_sub(self.from)? as usize;
        self.bytes.get(at..at.checked_add(length as usize)?)
    }

    fn byte(&self, at: u32) -> Option<u8> {
        self.slice(at, 1).map(|bytes| bytes[0])
    }

    fn word(&self, at: u32) -> Option<u32> {
        self.slice(at, 4).map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap()))
    }

    fn text(&self, at: u32) -> Option<String> {
        let text = self.slice(self.word(at)?, self.word(at + 4)?)?;
        String::from_utf8(text.to_vec()).ok()
    }
}

/// Replaces placeholders with the names that only the arena knows.
fn named(value: &mut Tree, names: &dyn Fn(String) -> String) {
    match value {
        Tree::Text(text) => *text = names(std::mem::take(text)),
        Tree::List(values) | Tree::Fields(values) => {
            for value in values {
                named(value, names);
            }
        }
        Tree::Case(_, Some(value)) => named(value, names),
        _ => {}
    }
}
