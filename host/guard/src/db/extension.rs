//! Extensions of PostgreSQL that an operator has installed and a policy grants by name: what SQL text can use of each.
//!
//! An extension is granted as a whole, `extensions = ["pg_trgm"]`, and means the list here and nothing else of it. Each entry
//! follows the rule of the gate's own lists (`gate/functions.rs`) and has a class of cost. Left out are what changes or shows
//! the session's settings (`set_limit`, `show_limit`), what multiplies its argument (`show_trgm`), and what only the server
//! calls.
//!
//! The operator chooses the extension's schema. The store looks it up and checks that every object of these names there is the
//! extension's (`host/store/src/postgres/extensions.rs`), and the gate prints each name with that schema, an operator as
//! `OPERATOR(schema.%)`: no search path decides what a name means. A sign that PostgreSQL has too (`%`, `<->`) is the
//! extension's where an operand is certainly of its type, [`Family`].

use super::cost::{Class, Family};
use postgres_types::{Kind, Type};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An extension that a manifest can request and a policy can allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Extension {
    /// `pg_trgm`: texts by the trigrams that they share.
    #[serde(rename = "pg_trgm")]
    PgTrgm,
    /// `vector`, the extension pgvector: vectors by their distance.
    #[serde(rename = "vector")]
    Vector,
}

/// A function of an extension.
#[derive(Clone, Copy, Debug)]
pub(in crate::db) struct Function {
    pub name: &'static str,
    #[cfg_attr(not(test), expect(dead_code, reason = "only the page shows it, and a test makes the page"))]
    pub signature: &'static str,
    pub class: Class,
}

/// An operator of an extension.
#[derive(Clone, Copy, Debug)]
pub(in crate::db) struct Operator {
    pub sign: &'static str,
    pub class: Class,
    /// The type of an operand, by which the operator is told from PostgreSQL's of the same sign; `None` if it has none.
    pub of: Option<Family>,
}

/// A class of operators for an index.
#[derive(Clone, Copy, Debug)]
pub(in crate::db) struct IndexClass {
    pub name: &'static str,
    /// The kinds of indexes that it is for.
    pub methods: &'static [&'static str],
}

/// What SQL text can use of an extension.
#[derive(Clone, Copy, Debug)]
pub(in crate::db) struct List {
    pub functions: &'static [Function],
    pub operators: &'static [Operator],
    /// The types, and how many numbers can stand in parentheses behind each.
    pub types: &'static [(&'static str, usize)],
    pub classes: &'static [IndexClass],
    /// Settings that decide what its operators mean and cost, with the values that every session has.
    pub settings: &'static [(&'static str, &'static str)],
}

const PG_TRGM: List = List {
    functions: &[
        Function {
            name: "similarity",
            signature: "similarity(text, text) returns real",
            class: Class::Similar,
        },
        Function {
            name: "word_similarity",
            signature: "word_similarity(text, text) returns real",
            class: Class::SimilarWords,
        },
        Function {
            name: "strict_word_similarity",
            signature: "strict_word_similarity(text, text) returns real",
            class: Class::SimilarWords,
        },
    ],
    operators: &[
        Operator { sign: "%", class: Class::Similar, of: Some(Family::Text) },
        Operator { sign: "<->", class: Class::Similar, of: Some(Family::Text) },
        Operator { sign: "<%", class: Class::SimilarWords, of: None },
        Operator { sign: "%>", class: Class::SimilarWords, of: None },
        Operator { sign: "<<%", class: Class::SimilarWords, of: None },
        Operator { sign: "%>>", class: Class::SimilarWords, of: None },
        Operator { sign: "<<->", class: Class::SimilarWords, of: None },
        Operator { sign: "<->>", class: Class::SimilarWords, of: None },
        Operator { sign: "<<<->", class: Class::SimilarWords, of: None },
        Operator { sign: "<->>>", class: Class::SimilarWords, of: None },
    ],
    types: &[],
    classes: &[
        IndexClass { name: "gin_trgm_ops", methods: &["gin"] },
        IndexClass { name: "gist_trgm_ops", methods: &["gist"] },
    ],
    settings: &[
        ("pg_trgm.similarity_threshold", "0.3"),
        ("pg_trgm.word_similarity_threshold", "0.6"),
        ("pg_trgm.strict_word_similarity_threshold", "0.5"),
    ],
};

const VECTOR: List = List {
    functions: &[
        Function {
            name: "cosine_distance",
            signature: "cosine_distance(vector, vector) returns double precision",
            class: Class::Distance,
        },
        Function {
            name: "inner_product",
            signature: "inner_product(vector, vector) returns double precision",
            class: Class::Distance,
        },
        Function {
            name: "l1_distance",
            signature: "l1_distance(vector, vector) returns double precision",
            class: Class::Distance,
        },
        Function {
            name: "l2_distance",
            signature: "l2_distance(vector, vector) returns double precision",
            class: Class::Distance,
        },
        Function {
            name: "vector_dims",
            signature: "vector_dims(vector) returns integer",
            class: Class::Distance,
        },
        Function {
            name: "vector_norm",
            signature: "vector_norm(vector) returns double precision",
            class: Class::Distance,
        },
    ],
    operators: &[
        Operator { sign: "<->", class: Class::Distance, of: Some(Family::Vector) },
        Operator { sign: "<#>", class: Class::Distance, of: None },
        Operator { sign: "<=>", class: Class::Distance, of: None },
        Operator { sign: "<+>", class: Class::Distance, of: None },
    ],
    types: &[("vector", 1)],
    classes: &[
        IndexClass { name: "vector_l2_ops", methods: &["hnsw", "ivfflat"] },
        IndexClass { name: "vector_ip_ops", methods: &["hnsw", "ivfflat"] },
        IndexClass { name: "vector_cosine_ops", methods: &["hnsw", "ivfflat"] },
        IndexClass { name: "vector_l1_ops", methods: &["hnsw"] },
    ],
    settings: &[("hnsw.ef_search", "40"), ("ivfflat.probes", "1")],
};

impl Extension {
    /// All extensions.
    pub const ALL: [Self; 2] = [Self::PgTrgm, Self::Vector];

    /// The name of the extension, as in `CREATE EXTENSION`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PgTrgm => "pg_trgm",
            Self::Vector => "vector",
        }
    }

    /// What SQL text can use of it.
    pub(in crate::db) const fn list(self) -> &'static List {
        match self {
            Self::PgTrgm => &PG_TRGM,
            Self::Vector => &VECTOR,
        }
    }

    /// The names of the functions that SQL text can call.
    pub fn functions(self) -> impl Iterator<Item = &'static str> {
        self.list().functions.iter().map(|function| function.name)
    }

    /// The signs of the operators that SQL text can use.
    pub fn operators(self) -> impl Iterator<Item = &'static str> {
        self.list().operators.iter().map(|operator| operator.sign)
    }

    /// The types that values can have.
    pub fn types(self) -> impl Iterator<Item = &'static str> {
        self.list().types.iter().map(|(name, _)| *name)
    }

    /// The operator classes that an index can have.
    pub fn index_classes(self) -> impl Iterator<Item = &'static str> {
        self.list().classes.iter().map(|class| class.name)
    }

    /// Settings that decide what its operators mean and cost, with the values that every session of a plugin has.
    pub fn settings(self) -> &'static [(&'static str, &'static str)] {
        self.list().settings
    }

    /// What a refusal says of something of an extension that is not granted.
    pub(in crate::db) fn ungranted(self) -> String {
        let name = self.name();
        format!(
            "of the extension {name}, which is not granted: it needs `extensions = [\"{name}\"]` in [grants.db]"
        )
    }
}

/// The extensions that a plugin is granted, each with the schema that the operator installed it in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions(BTreeMap<Extension, String>);

/// Where extensions are while nobody knows.
const UNKNOWN_SCHEMA: &str = "extensions";

impl Extensions {
    /// Adds an extension in its schema.
    #[must_use]
    pub fn with(mut self, extension: Extension, schema: impl Into<String>) -> Self {
        self.0.insert(extension, schema.into());
        self
    }

    /// Extensions in a schema that is not known: for a check whose text is sent to no server.
    pub fn somewhere(granted: &BTreeSet<Extension>) -> Self {
        Self(granted.iter().map(|extension| (*extension, UNKNOWN_SCHEMA.to_owned())).collect())
    }

    /// The extensions and their schemas.
    pub fn iter(&self) -> impl Iterator<Item = (Extension, &str)> {
        self.0.iter().map(|(extension, schema)| (*extension, schema.as_str()))
    }

    /// The first entry of a list of a granted extension that fits, with the extension's schema.
    pub(in crate::db) fn find<T>(&self, entry: impl Fn(&'static List) -> Option<T>) -> Option<(&str, T)> {
        self.iter().find_map(|(extension, schema)| Some((schema, entry(extension.list())?)))
    }

    /// The rule of something that is in the list of an extension which is not granted; `None` if it is in no such list.
    pub(in crate::db) fn ungranted(&self, is_listed: impl Fn(&'static List) -> bool) -> Option<String> {
        let missing = Extension::ALL.into_iter().filter(|extension| !self.0.contains_key(extension));
        missing.into_iter().find(|extension| is_listed(extension.list())).map(Extension::ungranted)
    }
}

impl List {
    pub(in crate::db) fn function(&self, name: &str) -> Option<&'static Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    pub(in crate::db) fn index_class(&self, name: &str) -> Option<&'static IndexClass> {
        self.classes.iter().find(|class| class.name == name)
    }

    pub(in crate::db) fn has_method(&self, name: &str) -> bool {
        self.classes.iter().any(|class| class.methods.contains(&name))
    }

    pub(in crate::db) fn data_type(&self, name: &str) -> Option<&'static (&'static str, usize)> {
        self.types.iter().find(|(known, _)| *known == name)
    }
}

/// Whether a type is `vector`: the only types of their own that migrations make are enums.
pub fn is_vector(data_type: &Type) -> bool {
    *data_type.kind() == Kind::Simple && data_type.name() == "vector"
}
