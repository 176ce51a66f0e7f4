// Stores how far windows without events have been read: they move the position too.
import type { MoverContext } from '../context.ts';
import { makeParcel } from '../parcel.ts';
import type { MovableSource } from '../source/source.ts';

/** @returns the error with which it ends, if any; undefined where there is nothing to store. */
export function handOnEmpty(source: MovableSource, context: MoverContext): Promise<unknown> | undefined {
  const { ahead: to, handed: from } = source;
  if (to === from) return undefined;
  source.handOn(to);
  const content = { source, from, chunks: [], bytes: 0, rows: 0, to };
  const { parcel, settled } = makeParcel(content);
  context.gathererOf(source).add(parcel);
  return settled;
}
