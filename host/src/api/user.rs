//! `wit/user.wit`: the caller, and other users by id. Guard: [`palisade_guard::user`]; store: [`palisade_store::UserStore`].
//!
//! The grant of `get` and `has-permission` is in `host/guard/src/grant/cover.rs`.

use crate::api::bindings::palisade::plugin::user::{Error, Host, Profile};
use crate::api::refused;
use crate::request::Request;
use crate::state::State;
use crate::supervision::Availability;
use palisade_guard::caller::User;
use palisade_guard::grant::{Grants, UserPower};
use palisade_guard::ledger::Ledger;
use palisade_guard::limits::Limit;
use palisade_guard::refusal::Refusal;
use palisade_guard::user::{Permission, UserId};
use palisade_store::UserStore;

/// The caller, and the store of all users.
struct View<'a> {
    request: &'a Request,
    users: &'a dyn UserStore,
    grants: &'a Grants,
    availability: &'a Availability,
    ledger: &'a mut Ledger,
}

interface! { link: user }

impl<'a> View<'a> {
    fn of(state: &'a mut State) -> Self {
        let State { request, backends, plugin, ledger, .. } = state;
        Self {
            request,
            users: &*backends.users,
            grants: &plugin.grants,
            availability: &plugin.availability,
            ledger,
        }
    }
}

impl Host for View<'_> {
    fn current(&mut self) -> wasmtime::Result<Option<Profile>> {
        Ok(self.request.caller.as_user().map(profile))
    }

    async fn has_permission(&mut self, permission: String) -> Result<bool, Refusal> {
        self.ledger.handled(permission.len());
        self.grants.may(UserPower::HasPermission)?;
        let permission = Permission::parse(&permission)?;
        self.ledger.spend(Limit::DbStatements, 1)?;
        self.request.holds(&permission, self.users).await
    }

    async fn get(&mut self, id: String) -> Result<Option<Profile>, Refusal> {
        self.ledger.handled(id.len());
        self.grants.may(UserPower::Get)?;
        let id = UserId::parse(&id)?;
        self.ledger.spend(Limit::DbStatements, 1)?;
        Ok(self.users.by_id(id).await?.as_ref().map(profile))
    }

    fn convert_error(&mut self, refusal: Refusal) -> wasmtime::Result<Error> {
        Ok(match refusal.noted(&mut self.ledger.notes) {
            Refusal::Denied => {
                self.availability.denied("user");
                Error::AccessDenied
            }
            Refusal::Invalid(sentence) => Error::InvalidArgument(sentence),
            Refusal::Exceeded(exceeded) => Error::LimitExceeded(refused(self.ledger, exceeded)),
            other => Error::Other(other.into_other(&mut self.ledger.notes)),
        })
    }
}

fn profile(user: &User) -> Profile {
    Profile { id: user.id.to_string(), name: user.name.clone(), roles: user.roles.clone() }
}
