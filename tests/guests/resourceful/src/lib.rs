//! Exports a function with its own resource in its type. JSON cannot carry it, so no host may load this plugin.

palisade_sdk::plugin! { "
    package probe:resourceful;
    interface tickets {
        resource ticket { number: func() -> u32; }
        issue: func() -> ticket;
    }
    world resourceful { include palisade:plugin/plugin@0.1.0; export tickets; }
" }

use exports::probe::resourceful::tickets::{Guest, GuestTicket, Ticket};

struct Resourceful;

struct Numbered(u32);

impl GuestTicket for Numbered {
    fn number(&self) -> u32 {
        self.0
    }
}

impl Guest for Resourceful {
    type Ticket = Numbered;

    fn issue() -> Ticket {
        Ticket::new(Numbered(1))
    }
}

export!(Resourceful);
