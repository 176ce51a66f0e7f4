// Who gives a command, as it is noted for others.
import { hostname, userInfo } from 'node:os';
import type { Operator } from '../central/logbook/note.ts';

/** `anna@db03` */
export const operator = (): Operator => ({ who: `${userInfo().username}@${hostname()}`, via: 'cli' });
