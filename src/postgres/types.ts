// How our own queries see values: int8 as a number (an id beyond 2^53 is an error, never rounded), the rest as pg gives it.
import type pg from 'pg';
import { TributaryError } from '../errors/tributary-error.ts';
import { driver } from './driver.ts';

const INT8 = 20;

function int8(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) {
    throw new TributaryError(`The number ${text} from the database is beyond 2^53.`, {
      code: 'int8',
      kind: 'halting',
    });
  }
  return value;
}

/** Given to pg as `types`. */
export const internalTypes: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === INT8 && format !== 'binary'
      ? int8
      : driver.types.getTypeParser(oid, format)) as typeof pg.types.getTypeParser,
};
