// Stores how far windows without events have been read: they move the position too.
import type { Position } from '../../central/position.ts';
import type { MoverContext } from '../context.ts';
import { makeParcel } from '../parcel.ts';
import type { Source } from '../source/source.ts';

/** @returns the error with which it ends, if any; undefined where there is nothing to store. */
export function handOnEmpty(source: Source, context: MoverContext): Promise<unknown> | undefined {
  if (source.ahead === source.handed || source.ahead === undefined) return undefined;
  const { ahead: to, handed: from } = source;
  source.handed = to;
  const content = { source, from: from as Position, chunks: [], bytes: 0, rows: 0, to };
  const { parcel, settled } = makeParcel(content);
  context.gathererOf(source.centralQueue).add(parcel);
  return settled;
}
