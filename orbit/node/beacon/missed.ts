/**
 * Beacon rounds that a node has missed: each is asked for once at a time, and nobody waits for it.
 */
import type { BeaconRound, BeaconSource } from './source.ts'

export class MissedRounds {
  private readonly beacon: Pick<BeaconSource, 'round'>
  private readonly take: (round: BeaconRound) => Promise<void>
  private readonly signal: AbortSignal
  private readonly asked = new Map<number, Promise<void>>()

  /**
   * @param take gets each round when it has come; where that fails the round may be asked for again
   * @param signal ends all that is under way
   */
  constructor(beacon: Pick<BeaconSource, 'round'>, take: (round: BeaconRound) => Promise<void>, signal: AbortSignal) {
    this.beacon = beacon
    this.take = take
    this.signal = signal
  }

  /** Whether a round is being asked for. */
  has(round: number): boolean {
    return this.asked.has(round)
  }

  ask(round: number): void {
    const { signal } = this
    const answer = this.beacon
      .round(round, { signal })
      .then(this.take)
      .catch(() => {})
      .finally(() => this.asked.delete(round))
    this.asked.set(round, answer)
  }

  /** Resolves when none is under way. */
  async idle(): Promise<void> {
    await Promise.all(this.asked.values())
  }
}
