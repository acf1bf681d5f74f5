//! `wit/user.wit`: who calls. Guard: [`crate::guard::user`]; store: [`crate::backend::UserStore`].

use crate::backend::UserStore;
use crate::bindings::palisade::plugin::user::{Error, Host, Profile};
use crate::caller::User;
use crate::error::Refusal;
use crate::guard::user::{Permission, UserId};
use crate::invocation::State;
use crate::ledger::Ledger;
use crate::limits::Limit;
use crate::request::Request;
use wasmtime::component::HasData;

pub(crate) struct View<'a> {
    request: &'a Request,
    users: &'a dyn UserStore,
    ledger: &'a mut Ledger,
}

pub(crate) struct Face;

impl HasData for Face {
    type Data<'a> = View<'a>;
}

pub(crate) fn view(state: &mut State) -> View<'_> {
    View { request: &state.request, users: &*state.backends.users, ledger: &mut state.ledger }
}

impl Host for View<'_> {
    fn current(&mut self) -> wasmtime::Result<Option<Profile>> {
        Ok(self.request.caller.as_user().map(profile))
    }

    async fn has_permission(&mut self, permission: String) -> Result<bool, Refusal> {
        let permission = Permission::parse(&permission)?;
        self.ledger.spend(Limit::DbStatements, 1)?;
        self.request.holds(&permission, self.users).await
    }

    async fn get(&mut self, id: String) -> Result<Option<Profile>, Refusal> {
        let id = UserId::parse(&id)?;
        self.ledger.spend(Limit::DbStatements, 1)?;
        Ok(self.users.by_id(id).await?.as_ref().map(profile))
    }

    fn convert_error(&mut self, refusal: Refusal) -> wasmtime::Result<Error> {
        Ok(match refusal {
            Refusal::Invalid(sentence) => Error::InvalidArgument(sentence),
            Refusal::Exceeded(exceeded) => Error::LimitExceeded(exceeded.into()),
            other => Error::Other(other.into_other()),
        })
    }
}

fn profile(user: &User) -> Profile {
    Profile { id: user.id.to_string(), name: user.name.clone(), roles: user.roles.clone() }
}
