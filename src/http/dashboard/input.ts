// Reads what a client sends by a schema.
import { z } from 'zod';
import { Refusal } from './asking.ts';

/** @throws Refusal that names the first thing that is wrong. */
export function readInput<T>(schema: z.ZodType<T>, input: unknown): T {
  const read = schema.safeParse(input ?? {});
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  const where = issue?.path.join('.') ?? '';
  throw new Refusal(
    400,
    `This request is not valid: ${where === '' ? '' : `\`${where}\`: `}${issue?.message ?? z.prettifyError(read.error)}.`,
  );
}
