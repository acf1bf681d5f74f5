//! Variables in `palisade.variables`. Row-level security limits a plugin's session to its own rows. A transaction of
//! the host is not limited, so every statement names the plugin.

use super::statement::Sql;
use crate::{At, VariableStore};
use palisade_guard::refusal::Refusal;
use palisade_guard::variables::{NewValue, Value, Variable};
use tokio_postgres::types::{Json, ToSql, Type};

/// The default [`VariableStore`].
#[derive(Clone, Copy, Debug, Default)]
pub struct PostgresVariables;

const GET: &str = "SELECT value FROM palisade.variables WHERE plugin = $1 AND name = $2";
const SET: &str = "INSERT INTO palisade.variables (plugin, name, value) VALUES ($1, $2, $3) \
    ON CONFLICT (plugin, name) DO UPDATE SET value = EXCLUDED.value";
const UNSET: &str = "DELETE FROM palisade.variables WHERE plugin = $1 AND name = $2";

#[async_trait::async_trait]
impl VariableStore for PostgresVariables {
    async fn get(&self, at: &mut At<'_>, variable: Variable<'_>) -> Result<Option<Value>, Refusal> {
        let plugin = plugin(at)?;
        let parameters: [&(dyn ToSql + Sync); 2] = [&plugin, &variable.name()];
        let sql = Sql {
            text: GET,
            parameters: &parameters,
            types: &[Type::TEXT, Type::TEXT],
            role: None,
            shape: None,
        };
        let answer = at.run(sql).await?;
        let Some(row) = answer.rows.first() else { return Ok(None) };
        let Json(value) = row.try_get::<_, Json<Value>>(0).map_err(Refusal::internal)?;
        Ok(Some(value))
    }

    async fn set(&self, at: &mut At<'_>, setting: &NewValue<'_>) -> Result<(), Refusal> {
        let plugin = plugin(at)?;
        let value = Json(setting.value());
        let parameters: [&(dyn ToSql + Sync); 3] = [&plugin, &setting.name(), &value];
        let types = [Type::TEXT, Type::TEXT, Type::JSONB];
        at.run(Sql { text: SET, parameters: &parameters, types: &types, role: None, shape: None })
            .await
            .map(drop)
    }

    async fn unset(&self, at: &mut At<'_>, variable: Variable<'_>) -> Result<(), Refusal> {
        let plugin = plugin(at)?;
        let parameters: [&(dyn ToSql + Sync); 2] = [&plugin, &variable.name()];
        let sql = Sql {
            text: UNSET,
            parameters: &parameters,
            types: &[Type::TEXT, Type::TEXT],
            role: None,
            shape: None,
        };
        at.run(sql).await.map(drop)
    }
}

fn plugin(at: &At<'_>) -> Result<String, Refusal> {
    let plugin = at.plugin.ok_or_else(|| Refusal::internal("variables belong to plugins"))?;
    Ok(plugin.as_str().to_owned())
}
