// The scale of ages: eight steps, logarithmic, each a class of the style sheet. Pure.

/** Seconds from which each further step is. */
const LIMITS = [1, 3, 10, 30, 120, 600, 3_600];

export const STEP_NAMES: readonly string[] = [
  'below 1 s',
  '1 to 3 s',
  '3 to 10 s',
  '10 to 30 s',
  '30 s to 2 m',
  '2 to 10 m',
  '10 m to 1 h',
  'more than 1 h',
];

/** Short names of where each step begins, for the legend. */
export const STEP_STARTS: readonly string[] = ['0', '1 s', '3 s', '10 s', '30 s', '2 m', '10 m', '1 h'];

/** 0 to 7. */
export function ageStep(seconds: number): number {
  const at = LIMITS.findIndex((limit) => seconds < limit);
  return at === -1 ? LIMITS.length : at;
}
