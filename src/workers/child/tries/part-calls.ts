// How many calls of the handler a part of a batch took, and how long they were: from its transaction's beginning to its commit.

export class PartCalls {
  calls = 0;
  /** Of all together, and of the longest. */
  ms = 0;
  longestMs = 0;

  called(ms: number): void {
    this.calls += 1;
    this.ms += ms;
    if (ms > this.longestMs) this.longestMs = ms;
  }

  clear(): void {
    this.calls = 0;
    this.ms = 0;
    this.longestMs = 0;
  }
}
