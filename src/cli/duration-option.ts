// A duration that is given as an option.
import { BadUnit, parseDuration } from '../config/units.ts';
import { EXIT, Exit } from './exit.ts';

/** @returns ms. @throws Exit that names the option and shows what it may be. */
export function durationOption(option: string, text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (error instanceof BadUnit) throw new Exit(EXIT.wrong, `${option} ${error.message}.`);
    throw error;
  }
}
