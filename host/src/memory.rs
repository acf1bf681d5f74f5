//! The memory of a host: the number that the operator allows, and who holds how much of it.
//!
//! [`MemoryBudget`] counts what is reserved. This file decides how large the budget is, keeps the shares of plugins and
//! callers, and compares the budget with what the process really holds. It reserves nothing itself: see
//! `invocation/`, `calls/`, and the server's bodies and answers. Tests: `tests/cost/`, `tests/server/cost.rs`.

use crate::error::LoadError;
use palisade_guard::caller::Caller;
use palisade_guard::limits::{
    INSTANCES_TOTAL_MAX, KIB, MEMORY_DEFAULT_PERCENT, MEMORY_LOOK_MS, MEMORY_MIN_BYTES, MEMORY_POOL_PERCENT,
    MEMORY_RESERVE_BYTES, MEMORY_SHARES_KEPT, MIB, PERCENT, POOL_KEEP_RESIDENT_BYTES,
    POOL_TABLE_KEEP_RESIDENT_BYTES, TABLES_PER_COMPONENT,
};
use palisade_guard::memory::{MemoryBudget, Reservation, Share, Template};
use palisade_guard::name::PluginName;
use std::collections::HashMap;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

/// The share of a plugin.
pub(crate) struct PluginShare {
    share: Share,
    /// Makes the reservations of anonymous callers, who have one share together: each call needs several.
    anonymous: Template,
}

/// The memory of a host.
pub(crate) struct HostMemory {
    /// Bytes that the process may hold: the operator's number.
    max: u64,
    /// Bytes that the process held before the host began, and the reserve.
    fixed: u64,
    budget: MemoryBudget,
    plugins: Mutex<HashMap<PluginName, Share>>,
    anonymous: Share,
    users: RwLock<HashMap<Uuid, Share>>,
}

impl HostMemory {
    /// The operator's number of bytes, or half of what the machine or the control group has.
    pub(crate) fn new(max: Option<u64>) -> Result<Self, LoadError> {
        let available = available();
        let max = max.unwrap_or_else(|| (available / PERCENT).saturating_mul(MEMORY_DEFAULT_PERCENT));
        let fixed = resident().unwrap_or(0).saturating_add(MEMORY_RESERVE_BYTES);
        let budget = max.checked_sub(fixed).filter(|_| max >= MEMORY_MIN_BYTES).ok_or_else(|| {
            LoadError::Engine(format!(
                "{} MiB of memory are too few: allow the host at least {} MiB, and {} MiB more than the program holds at its start",
                max / MIB,
                MEMORY_MIN_BYTES / MIB,
                MEMORY_RESERVE_BYTES / MIB
            ))
        })?;
        let budget = MemoryBudget::new(budget);
        let anonymous = budget.share_of_caller();
        Ok(Self { max, fixed, budget, plugins: Mutex::default(), anonymous, users: RwLock::default() })
    }

    /// The budget that reservations come from.
    pub(crate) fn budget(&self) -> &MemoryBudget {
        &self.budget
    }

    /// How many instances may be alive at once: idle slots of the pool keep some bytes resident, which a small host does
    /// not have for each of the usual number.
    pub(crate) fn instances(&self) -> u32 {
        let pool = (self.max / PERCENT).saturating_mul(MEMORY_POOL_PERCENT);
        let instances = pool.checked_div(slot_bytes()).unwrap_or(0);
        u32::try_from(instances).unwrap_or(u32::MAX).clamp(1, INSTANCES_TOTAL_MAX)
    }

    /// Bytes that the idle slots of a pool keep resident.
    pub(crate) fn pool_bytes(&self) -> u64 {
        u64::from(self.instances()).saturating_mul(slot_bytes())
    }

    /// The share of a plugin, which all its versions have in common.
    pub(crate) fn share_of_plugin(&self, name: &PluginName) -> PluginShare {
        let mut plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        let share = share_of(&mut plugins, name, || self.budget.share_of_plugin());
        PluginShare { anonymous: self.budget.template(Some(&share), Some(&self.anonymous)), share }
    }

    /// An empty reservation for a request of this caller, of which a plugin's share may count the bytes as well.
    pub(crate) fn reservation(&self, plugin: Option<&PluginShare>, caller: &Caller) -> Reservation {
        let share = plugin.map(|plugin| &plugin.share);
        match (caller, plugin) {
            (Caller::Anonymous, Some(plugin)) => plugin.anonymous.reservation(),
            (Caller::Anonymous, None) => self.budget.reservation(None, Some(&self.anonymous)),
            (Caller::Host, _) => self.budget.reservation(share, None),
            (Caller::User(user), _) => self.budget.reservation(share, Some(&self.share_of_user(user.id))),
        }
    }

    fn share_of_user(&self, id: Uuid) -> Share {
        if let Some(share) = self.users.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return share.clone();
        }
        let mut users = self.users.write().unwrap_or_else(PoisonError::into_inner);
        share_of(&mut users, &id, || self.budget.share_of_caller())
    }

    /// Bytes that are reserved, and bytes that can be.
    pub(crate) fn usage(&self) -> (u64, u64) {
        (self.budget.held(), self.budget.max())
    }

    /// Takes what the process holds beyond the reservations out of the budget, so that a part that is reserved too low does
    /// not add up.
    fn look(&self) {
        if let Some(resident) = resident() {
            self.budget.lower_by(resident.saturating_sub(self.fixed).saturating_sub(self.budget.held()));
        }
    }
}

/// Compares the budget with what the process really holds, until the host is dropped.
pub(crate) async fn watch(memory: Weak<HostMemory>) {
    let mut tick = tokio::time::interval(Duration::from_millis(MEMORY_LOOK_MS));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let Some(memory) = memory.upgrade() else { return };
        memory.look();
    }
}

/// The share under a key, which is made if it is missing. Shares that nobody uses are forgotten when there are many.
fn share_of<K: Clone + Eq + Hash>(
    shares: &mut HashMap<K, Share>,
    key: &K,
    make: impl Fn() -> Share,
) -> Share {
    if shares.len() >= MEMORY_SHARES_KEPT && !shares.contains_key(key) {
        shares.retain(|_, share| !share.is_unused());
    }
    shares.entry(key.clone()).or_insert_with(make).clone()
}

/// Bytes that one idle slot of the pool keeps resident.
fn slot_bytes() -> u64 {
    let tables = u64::from(TABLES_PER_COMPONENT).saturating_mul(POOL_TABLE_KEEP_RESIDENT_BYTES as u64);
    tables.saturating_add(POOL_KEEP_RESIDENT_BYTES as u64)
}

/// Bytes of memory that this process has at most: those of the machine, or of the smallest control group around it.
fn available() -> u64 {
    let machine = kib_in(Path::new("/proc/meminfo"), "MemTotal:").unwrap_or(u64::MAX);
    control_groups().iter().filter_map(|file| number_in(file)).fold(machine, u64::min)
}

/// The files with the limits of the control groups that this process is in.
fn control_groups() -> Vec<PathBuf> {
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut files = Vec::new();
    for line in own.lines() {
        // Of the form `number:controllers:/path`; version 2 has no controllers.
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => continue,
        };
        let path = path.trim_start_matches('/');
        // In a container the path may be that of the machine's own tree, and the limit stands in the root.
        files.extend(Path::new(path).ancestors().map(|group| Path::new(root).join(group).join(file)));
    }
    files
}

fn number_in(file: &Path) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Bytes that this process holds in memory now.
fn resident() -> Option<u64> {
    kib_in(Path::new("/proc/self/status"), "VmRSS:")
}

/// A number of KiB under a name in one of the kernel's files, in bytes.
fn kib_in(file: &Path, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()?.checked_mul(KIB)
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_guard::caller::User;

    #[test]
    fn memory_below_the_minimum_is_refused() {
        for max in [0, 1, MEMORY_MIN_BYTES - 1] {
            assert!(HostMemory::new(Some(max)).is_err(), "{max}");
        }
        assert!(HostMemory::new(Some(4 * MEMORY_MIN_BYTES)).is_ok());
    }

    #[test]
    fn budget_and_pool_are_parts_of_the_operators_number() {
        let max = 4 * MEMORY_MIN_BYTES;
        let memory = HostMemory::new(Some(max)).unwrap();
        assert!(memory.usage().1 + MEMORY_RESERVE_BYTES <= max);
        assert!(memory.pool_bytes() <= max / PERCENT * MEMORY_POOL_PERCENT);
        assert!(memory.instances() < HostMemory::new(None).unwrap().instances().max(INSTANCES_TOTAL_MAX));
        assert_eq!(HostMemory::new(Some(u64::MAX)).unwrap().instances(), INSTANCES_TOTAL_MAX);
    }

    #[test]
    fn machine_and_process_have_memory() {
        let (available, resident) = (available(), resident().unwrap());
        assert!(resident > MIB && available > resident, "{resident} of {available}");
    }

    #[test]
    fn users_have_shares_of_their_own_and_anonymous_callers_have_one() {
        let memory = HostMemory::new(Some(4 * MEMORY_MIN_BYTES)).unwrap();
        let user = || Caller::user(User { id: Uuid::new_v4(), name: "u".into(), roles: Vec::new() });
        let (one, two) = (user(), user());
        let mut held = Vec::new();
        while let Ok(one) = reserve(&memory, &one) {
            held.push(one);
        }
        assert!(reserve(&memory, &two).is_ok());
        drop(held);
        let mut held = Vec::new();
        while let Ok(one) = reserve(&memory, &Caller::Anonymous) {
            held.push(one);
        }
        assert!(reserve(&memory, &one).is_ok());
    }

    fn reserve(
        memory: &HostMemory,
        caller: &Caller,
    ) -> Result<Reservation, palisade_guard::memory::OutOfMemory> {
        let mut reservation = memory.reservation(None, caller);
        reservation.grow(MIB).map(|()| reservation)
    }

    #[test]
    fn shares_that_nobody_uses_are_forgotten() {
        let memory = HostMemory::new(Some(4 * MEMORY_MIN_BYTES)).unwrap();
        let used = memory.share_of_user(Uuid::nil());
        for _ in 0..3 * MEMORY_SHARES_KEPT {
            memory.share_of_user(Uuid::new_v4());
        }
        let users = memory.users.read().unwrap();
        assert!(users.len() <= MEMORY_SHARES_KEPT && users.contains_key(&Uuid::nil()));
        drop(used);
    }
}
