// What of a source is on its way to central: parcels with events that were read and have not ended.
export class UnderWay {
  #parcels = 0;
  #events = 0;

  get parcels(): number {
    return this.#parcels;
  }

  get events(): number {
    return this.#events;
  }

  began(events: number): void {
    if (events > 0) this.#parcels += 1;
    this.#events += events;
  }

  ended(events: number): void {
    if (events > 0) this.#parcels -= 1;
    this.#events -= events;
  }
}
