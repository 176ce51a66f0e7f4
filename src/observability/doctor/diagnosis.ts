// What is wrong, in the words that every place shows: `doctor`, `/readyz` and the dashboard; and in which order. Values only.
import { CAUSES, type Cause } from './causes.ts';

export interface Diagnosis {
  /** A stable name of the cause, such as `no-mover` or `long-transaction`. */
  readonly cause: string;
  readonly of: 'source' | 'queue' | 'shard' | 'host' | 'central';
  /** All that this one cause concerns: `shard:queue` of sources, else names. */
  readonly names: readonly string[];
  /** `broken`: something does not get on now. `risk`: it will, if nothing is done. */
  readonly severity: 'broken' | 'risk';
  readonly sentence: string;
  /** Figures and facts that show it, each in a few words. */
  readonly evidence: readonly string[];
  readonly remedy: string;
  /** To copy. */
  readonly command?: string;
}

const RANKS = new Map(Object.keys(CAUSES).map((cause, at) => [cause, at]));

/** What waits for central's upkeep, and is no cause of its own where that is missing. */
const FOR_UPKEEP: readonly string[] = ['schedule-late'] satisfies Cause[];

/** The worst first: what is broken, then what may break, each by the catalogue; what follows from another cause is its evidence. */
export function worstFirst(all: readonly Diagnosis[]): Diagnosis[] {
  const missing = all.find(({ cause }) => cause === ('no-upkeep' satisfies Cause));
  const following = missing === undefined ? [] : all.filter(({ cause }) => FOR_UPKEEP.includes(cause));
  const diagnoses = all
    .filter((one) => !following.includes(one))
    .map((one) =>
      one === missing
        ? { ...one, evidence: [...one.evidence, ...following.map(({ sentence }) => sentence)] }
        : one,
    );
  const rank = ({ cause, severity }: Diagnosis) =>
    (severity === 'broken' ? 0 : RANKS.size) + (RANKS.get(cause) ?? RANKS.size);
  return diagnoses.sort((a, b) => rank(a) - rank(b) || b.names.length - a.names.length);
}
