// Who gives a command, as it is noted for others.
import { hostname, userInfo } from 'node:os';

/** `anna@db03` */
export const operatorName = (): string => `${userInfo().username}@${hostname()}`;
