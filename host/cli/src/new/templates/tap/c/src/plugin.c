// Tidies the titles of content items before they are written.
//
// Each call runs in an instance of its own, so a function frees nothing.

#include "plugin.h"

bool exports_palisade_plugin_tap_item_presave_presave(
    exports_palisade_plugin_tap_item_presave_item_t *maybe_previous,
    exports_palisade_plugin_tap_item_presave_draft_t *draft,
    exports_palisade_plugin_tap_item_presave_draft_t *ret,
    exports_palisade_plugin_tap_item_presave_refusal_t *err)
{
    (void)maybe_previous;
    plugin_string_t *title = &draft->title;
    while (title->len > 0 && title->ptr[0] == ' ') {
        title->ptr++;
        title->len--;
    }
    while (title->len > 0 && title->ptr[title->len - 1] == ' ')
        title->len--;
    if (title->len > 0 && title->ptr[title->len - 1] == '!') {
        plugin_string_dup(&err->message, "a title does not end with an exclamation mark");
        return false;
    }
    *ret = *draft;
    return true;
}
