// Greets people.

import { log } from 'palisade:plugin/logging@0.1.0';

export const greeting = {
    greet(name) {
        const length = [...name].length;
        if (length < 1 || length > 80) {
            throw 'a name has 1 to 80 characters';
        }
        log('info', `greeting ${name}`, []);
        return `Hello, ${name}!`;
    },
};
