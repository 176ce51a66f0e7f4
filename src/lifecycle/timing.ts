// The table of durations as everything reads it.
import { DURATIONS } from './durations/table.ts';

type Durations = {
  readonly [Group in keyof typeof DURATIONS]: {
    readonly [Name in keyof (typeof DURATIONS)[Group]]: (typeof DURATIONS)[Group][Name] extends number
      ? number
      : { readonly [Part in keyof (typeof DURATIONS)[Group][Name]]: number };
  };
};

/** The table; a test may shorten single ones, as with `TRIBUTARY_TIMING='gathering.commitMs=3000 slots.parkedMs=500'`. */
export const TIMING: Durations = shortened(process.env.TRIBUTARY_TIMING);

/** @throws RangeError for a name or a number that is none: a test that shortens nothing would wait in vain. */
function shortened(overrides = ''): Durations {
  const table: Record<string, Record<string, unknown>> = Object.fromEntries(
    Object.entries(DURATIONS).map(([group, entries]) => [group, { ...entries }]),
  );
  for (const override of overrides.split(/\s+/).filter((text) => text !== '')) {
    const [, group = '', name = '', ms = ''] = /^(\w+)\.(\w+)=(\d+)$/.exec(override) ?? [];
    const found = table[group]?.[name];
    if (typeof found !== 'number' && typeof found !== 'object')
      throw new RangeError(
        `TRIBUTARY_TIMING: ${override} names no duration of lifecycle/durations/table.ts.`,
      );
    // Of several parts, such as a first and a longest wait, all become the same.
    const value = Object.fromEntries(Object.keys(found ?? {}).map((part) => [part, Number(ms)]));
    Object.assign(table[group] as object, { [name]: typeof found === 'number' ? Number(ms) : value });
  }
  for (const entries of Object.values(table)) Object.freeze(entries);
  return Object.freeze(table) as Durations;
}
