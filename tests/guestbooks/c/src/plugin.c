// A guestbook in C. A call's memory is gone when the call ends, so nothing is freed here.

#include <stdlib.h>
#include <string.h>

#include "guestbook.h"

// A text that is borrowed for a call of the host.
static guestbook_string_t borrowed(const char *text) {
    return (guestbook_string_t){(uint8_t *)text, strlen(text)};
}

static palisade_plugin_db_value_t text(guestbook_string_t value) {
    palisade_plugin_db_value_t result = {.tag = PALISADE_PLUGIN_DB_VALUE_SCALAR};
    result.val.scalar.tag = PALISADE_PLUGIN_DB_SCALAR_TEXT;
    result.val.scalar.val.text = value;
    return result;
}

// The error of a call of the host, as a text.
static bool failed(const palisade_plugin_db_error_t *error, guestbook_string_t *sentence) {
    switch (error->tag) {
    case PALISADE_PLUGIN_DB_ERROR_ACCESS_DENIED:
        guestbook_string_dup(sentence, "access-denied");
        break;
    case PALISADE_PLUGIN_DB_ERROR_INVALID_ARGUMENT:
        *sentence = error->val.invalid_argument;
        break;
    default:
        guestbook_string_dup(sentence, "the database failed");
    }
    return false;
}

bool exports_acme_guestbook_reading_recent(
    uint32_t max, exports_acme_guestbook_reading_list_entry_t *ret, guestbook_string_t *err) {
    guestbook_string_t columns[] = {borrowed("id"), borrowed("name"), borrowed("message")};
    palisade_plugin_db_ordering_t newest[] = {{borrowed("id"), PALISADE_PLUGIN_DB_DIRECTION_DESCENDING}};
    palisade_plugin_db_selection_t selection = {
        .table = borrowed("entries"),
        .columns = {columns, 3},
        .order_by = {newest, 1},
        .limit = {true, max},
    };
    palisade_plugin_db_own_rows_t rows;
    palisade_plugin_db_list_row_t found;
    palisade_plugin_db_error_t error;
    if (!palisade_plugin_db_select(&selection, &rows, &error)) {
        return failed(&error, err);
    }
    if (!palisade_plugin_db_method_rows_next(palisade_plugin_db_borrow_rows(rows), max, &found, &error)) {
        return failed(&error, err);
    }
    ret->len = found.len;
    ret->ptr = calloc(found.len, sizeof(*ret->ptr));
    for (size_t i = 0; i < found.len; i++) {
        palisade_plugin_db_value_t *row = found.ptr[i].ptr;
        ret->ptr[i].id = row[0].val.scalar.val.integer;
        ret->ptr[i].name = row[1].val.scalar.val.text;
        ret->ptr[i].message = row[2].val.scalar.val.text;
    }
    return true;
}

bool exports_acme_guestbook_reading_caller(guestbook_string_t *ret) {
    palisade_plugin_user_profile_t user;
    if (!palisade_plugin_user_current(&user)) {
        return false;
    }
    *ret = user.name;
    return true;
}

uint32_t exports_acme_guestbook_reading_echo(uint32_t number) {
    return number;
}

int64_t exports_acme_guestbook_reading_echo_signed(int64_t number) {
    return number;
}

bool exports_acme_guestbook_writing_sign(
    guestbook_string_t *name, guestbook_string_t *message, int64_t *ret, guestbook_string_t *err) {
    if (name->len == 0) {
        guestbook_string_dup(err, "a name is needed");
        return false;
    }
    guestbook_string_t columns[] = {borrowed("name"), borrowed("message")}, returning[] = {borrowed("id")};
    palisade_plugin_db_value_t values[] = {text(*name), text(*message)};
    palisade_plugin_db_write_row_t rows[] = {{values, 2}};
    palisade_plugin_db_write_insertion_t insertion = {
        .table = borrowed("entries"),
        .columns = {columns, 2},
        .rows = {rows, 1},
        .returning = {returning, 1},
    };
    palisade_plugin_db_write_outcome_t added;
    palisade_plugin_db_write_error_t error;
    if (!palisade_plugin_db_write_insert(&insertion, &added, &error)) {
        return failed(&error, err);
    }
    *ret = added.rows.ptr[0].ptr[0].val.scalar.val.integer;
    return true;
}
