// Whether the tables on central are there, and fit, that changes are to be applied to.
import { readTarget } from '../../apply/read-target.ts';
import type { Config } from '../../config/config.ts';
import { isOurs } from '../../errors/tributary-error.ts';
import type { Connection } from '../../postgres/connection.ts';

/** @returns a sentence for each table that does not fit. */
export async function unfitTables(central: Connection, { queues }: Config): Promise<string[]> {
  const sentences: string[] = [];
  for (const { name, apply = [] } of queues)
    for (const applied of apply) {
      try {
        await readTarget(central, applied);
      } catch (error) {
        if (!isOurs(error)) throw error;
        sentences.push(`Queue ${name}: ${error.message}`);
      }
    }
  return sentences;
}
