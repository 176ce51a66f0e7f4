// Names of slots and of their leases. Pure.

const RESOURCE = 'slot:';

/** `orders#3`: also the name of the member that works in it. */
const slotName = (queue: string, number: number): string => `${queue}#${number}`;

/** The slot's row among the leases. */
export const slotResource = (slot: string): string => `${RESOURCE}${slot}`;

/** The slots of a queue that shall be filled, the first one first. */
export const slotsOf = (queue: string, wanted: number): string[] =>
  Array.from({ length: wanted }, (_, at) => slotName(queue, at + 1));

/** The way back from `slotResource`. */
export const slotOf = (resource: string): string => resource.slice(RESOURCE.length);
