// What users give as data of an event or of a message: as JSON, or why it is none. Pure.

/** The JSON, or what is wrong with the value as the end of a sentence that begins with what it is. */
export type JsonText = { readonly text: string } | { readonly fault: string };

export function jsonText(value: unknown): JsonText {
  const lost = lostInJson(value);
  if (lost !== undefined) return { fault: lost };
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    const [why] = (error instanceof Error ? error.message : 'it cannot be written').split('\n');
    return { fault: `is no JSON: ${why}` };
  }
  if (text !== undefined) return { text };
  return {
    fault:
      typeof value === 'object'
        ? 'is an object that gives no JSON'
        : `is a ${typeof value}, which is no JSON`,
  };
}

/** Whether a value is an event as users write one: `{ type, data }`, and not something else that happens to have no fields. */
export function isEventObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Object.keys(value).length > 0;
}

/** What JSON writes as an empty object or as null, which nobody means. */
function lostInJson(value: unknown): string | undefined {
  if (typeof value === 'number' && !Number.isFinite(value)) return `is ${value}, which is no JSON`;
  if (value instanceof Promise) return 'is a promise: wait for it with `await`';
  if (value instanceof Map || value instanceof Set)
    return `is a ${value.constructor.name}, which JSON has not: make an object or an array of it`;
  if (value instanceof Date && Number.isNaN(value.getTime()))
    return 'is a date without a time (Invalid Date)';
  return undefined;
}
