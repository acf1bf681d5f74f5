//! Users, roles and tokens in the host's own tables. No plugin's role can read them.

use super::Database;
use crate::UserStore;
use palisade_guard::caller::User;
use palisade_guard::limits::{KNOWN_TOKENS_MAX, SECRET_BYTES, USER_NAME_BYTES_MAX};
use palisade_guard::refusal::Refusal;
use palisade_guard::user::{Permission, Role, UserId};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

/// The default [`UserStore`], and the operations of an operator on users.
#[derive(Clone)]
pub struct Users {
    database: Database,
}

const COLUMNS: &str =
    "u.id, u.name, array(SELECT r.role FROM palisade.user_roles r WHERE r.user_id = u.id ORDER BY 1)";

/// The users of a database.
pub fn of(database: Database) -> Users {
    Users { database }
}

impl Users {
    /// Adds a user with these roles.
    pub async fn add(&self, name: &str, roles: &[String]) -> Result<User, Refusal> {
        if name.is_empty() || name.len() > USER_NAME_BYTES_MAX {
            return Err(Refusal::Invalid(format!("a user's name is 1 to {USER_NAME_BYTES_MAX} bytes")));
        }
        let roles = roles.iter().map(|role| Role::parse(role)).collect::<Result<Vec<_>, _>>()?;
        let roles: Vec<&str> = roles.iter().map(Role::as_str).collect();
        let id = Uuid::now_v7();
        let text = "WITH added AS (INSERT INTO palisade.users (id, name) VALUES ($1, $2) RETURNING id), \
            given AS (INSERT INTO palisade.user_roles SELECT added.id, role FROM added, unnest($3::text[]) role) SELECT id FROM added";
        self.database
            .lookup(text, &[Type::UUID, Type::TEXT, Type::TEXT_ARRAY], &[&id, &name, &roles])
            .await?;
        let user = self.by_id(UserId::from(id)).await?;
        user.ok_or_else(|| Refusal::internal("the user is gone again"))
    }

    /// Gives a role permissions. The role need not have been named before.
    pub async fn permit(&self, role: &str, permissions: &[Permission]) -> Result<(), Refusal> {
        let role = Role::parse(role)?;
        let permissions: Vec<&str> = permissions.iter().map(Permission::as_str).collect();
        let text =
            "INSERT INTO palisade.role_permissions SELECT $1, unnest($2::text[]) ON CONFLICT DO NOTHING";
        self.database
            .lookup(text, &[Type::TEXT, Type::TEXT_ARRAY], &[&role.as_str(), &permissions])
            .await
            .map(drop)
    }

    /// Makes a bearer token for a user and returns it. It cannot be read again: only its hash is stored.
    pub async fn token(&self, id: UserId, lifetime: Option<Duration>) -> Result<String, Refusal> {
        let secret: [u8; SECRET_BYTES] = rand::random();
        let token = format!("pal_{}", hex::encode(secret));
        let seconds = lifetime.map(|lifetime| lifetime.as_secs_f64());
        let text = "INSERT INTO palisade.tokens (hash, user_id, expires_at) VALUES ($1, $2, now() + $3 * interval '1 second')";
        let types = [Type::BYTEA, Type::UUID, Type::FLOAT8];
        self.database.lookup(text, &types, &[&hash(&token), &id.uuid(), &seconds]).await?;
        Ok(token)
    }
}

/// A token of a user whose roles hold some permission, for when the database does not answer.
#[derive(Clone, Debug)]
pub struct KnownToken {
    hash: Vec<u8>,
    expires_at: Option<SystemTime>,
    user: User,
}

impl KnownToken {
    /// The user, if this is the token and it has not expired.
    pub fn user(&self, token: &str) -> Option<&User> {
        let is_current = self.expires_at.is_none_or(|expiry| expiry > SystemTime::now());
        (is_current && self.hash == hash(token)).then_some(&self.user)
    }

    /// Whether the token is one of this user's.
    pub fn is_of(&self, user: &User) -> bool {
        self.user.id == user.id
    }
}

impl Database {
    /// The tokens of all users whose roles hold a permission, at most [`KNOWN_TOKENS_MAX`].
    pub async fn tokens_with(&self, permission: &str) -> Result<Vec<KnownToken>, Refusal> {
        let text = format!(
            "SELECT {COLUMNS}, t.hash, t.expires_at FROM palisade.tokens t JOIN palisade.users u ON u.id = t.user_id \
             WHERE (t.expires_at IS NULL OR t.expires_at > now()) AND EXISTS (SELECT FROM palisade.user_roles r \
             JOIN palisade.role_permissions p ON p.role = r.role WHERE r.user_id = u.id AND p.permission = $1) \
             ORDER BY t.hash LIMIT {KNOWN_TOKENS_MAX}"
        );
        let rows = self.watch.ask(&text, &[Type::TEXT], &[&permission]).await?;
        rows.iter()
            .map(|row| {
                Ok(KnownToken {
                    user: user(row)?,
                    hash: row.try_get(3).map_err(Refusal::internal)?,
                    expires_at: row.try_get(4).map_err(Refusal::internal)?,
                })
            })
            .collect()
    }
}

#[async_trait::async_trait]
impl UserStore for Users {
    async fn by_id(&self, id: UserId) -> Result<Option<User>, Refusal> {
        let text = format!("SELECT {COLUMNS} FROM palisade.users u WHERE u.id = $1");
        let rows = self.database.lookup(&text, &[Type::UUID], &[&id.uuid()]).await?;
        rows.first().map(user).transpose()
    }

    async fn by_token(&self, token: &str) -> Result<Option<User>, Refusal> {
        let text = format!(
            "SELECT {COLUMNS} FROM palisade.tokens t JOIN palisade.users u ON u.id = t.user_id \
             WHERE t.hash = $1 AND (t.expires_at IS NULL OR t.expires_at > now())"
        );
        let rows = self.database.lookup(&text, &[Type::BYTEA], &[&hash(token)]).await?;
        rows.first().map(user).transpose()
    }

    async fn permissions(&self, roles: &[String]) -> Result<BTreeSet<String>, Refusal> {
        let text = "SELECT permission FROM palisade.role_permissions WHERE role = ANY($1)";
        let rows = self.database.lookup(text, &[Type::TEXT_ARRAY], &[&roles]).await?;
        rows.iter().map(|row| row.try_get(0).map_err(Refusal::internal)).collect()
    }
}

fn user(row: &Row) -> Result<User, Refusal> {
    Ok(User {
        id: row.try_get(0).map_err(Refusal::internal)?,
        name: row.try_get(1).map_err(Refusal::internal)?,
        roles: row.try_get(2).map_err(Refusal::internal)?,
    })
}

fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}
