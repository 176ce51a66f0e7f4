// An error that lasts is reported when it begins, and when it becomes another one: what waits for a person need not repeat itself.
import { describeThrown } from '../errors/thrown.ts';

export class SaidOnce {
  readonly #report: (error: unknown) => void;
  #last: string | undefined;

  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  say(error: unknown): void {
    const { message } = describeThrown(error, 'A program');
    if (message === this.#last) return;
    this.#last = message;
    this.#report(error);
  }
}
