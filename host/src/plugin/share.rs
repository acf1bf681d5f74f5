//! A plugin's share of the pool that all instances come from.

use crate::limits::{
    COMPONENT_MEMORIES_MAX, COMPONENT_TABLES_MAX, CORE_INSTANCES_PER_COMPONENT, MEMORIES_PER_COMPONENT,
    PLUGIN_CONCURRENCY_MAX, TABLES_PER_COMPONENT,
};
use wasmtime::component::Component;

/// How many invocations of a component may run at once: fewer where each takes more of the pool than most do, so that
/// no plugin holds a larger share of it than its neighbours could.
pub(super) fn concurrency(component: &Component, instances: usize) -> usize {
    let (memories, tables) =
        component.resources_required().map_or((COMPONENT_MEMORIES_MAX, COMPONENT_TABLES_MAX), |needs| {
            (needs.num_memories, needs.num_tables)
        });
    let factor = |needs: usize, usual: u32| needs.div_ceil(usual as usize);
    let most = factor(instances, CORE_INSTANCES_PER_COMPONENT)
        .max(factor(memories as usize, MEMORIES_PER_COMPONENT))
        .max(factor(tables as usize, TABLES_PER_COMPONENT));
    PLUGIN_CONCURRENCY_MAX.checked_div(most).unwrap_or(PLUGIN_CONCURRENCY_MAX).max(1)
}
