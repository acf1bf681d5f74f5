// Tidies the titles of content items before they are written.

export const tapItemPresave = {
    presave(previous, draft) {
        const title = draft.title.trim();
        if (title.endsWith('!')) {
            throw { message: 'a title does not end with an exclamation mark' };
        }
        return { ...draft, title };
    },
};
