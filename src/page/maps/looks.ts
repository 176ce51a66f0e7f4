// What a cell looks like, in the words that the style sheet knows. Pure.
import type { MapCell } from '../../http/dashboard/state.ts';
import { isUnseen } from '../words/states.ts';
import { ageStep } from './scale.ts';

/** The words that the style sheet knows: step, state, and whether it was seen lately. */
export function looksOf([state, age, seen]: MapCell): string {
  const step = age === null ? 'unknown' : `a${ageStep(age)}`;
  return `${step} ${state}${seen === null ? ' unseen never' : isUnseen(seen) ? ' unseen' : ''}`;
}
