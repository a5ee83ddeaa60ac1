/**
 * Which deals are still going on for a node, and so which databases it needs. A deal is over when
 * nothing that is said of it counts any more (rules: settled-window.ts), and it has certified
 * nothing that is not settled. So a draw that nobody worked by, of a window however far away, keeps
 * nothing for longer than any other.
 */
import type { DrawBody } from '../../rules/message/bodies.ts'
import { spanOf } from '../../rules/message/documents.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import { epochAt, settledAfter } from '../../rules/network/schedule.ts'
import type { History } from '../../rules/state/settled-window.ts'
import type { State } from '../../rules/state/state.ts'

export class UnfinishedDeals {
  private readonly genesis: Genesis
  /** By epoch, the round in which its draw was here first since the node was started. */
  private readonly since = new Map<number, number>()

  constructor(genesis: Genesis) {
    this.genesis = genesis
  }

  /**
   * @param round the newest
   * @returns whether the deal of an epoch is over
   */
  over(state: State, history: History, round: number): (epoch: number) => boolean {
    const live = new Set<number>()
    for (const { settled, certified } of state.windows.values()) {
      if (!settled) for (const { assignment } of certified.values()) live.add(assignment.epoch)
    }
    for (const { epoch, offers } of drawsOf(state)) {
      if (!this.since.has(epoch)) this.since.set(epoch, round)
      // Whether it certified something is known once its documents are here: they have as long to
      // come as a deal lasts.
      const isNew = round <= this.since.get(epoch)! + settledAfter(this.genesis, 0)
      if (isNew && offers.some(({ window }) => !history.has(BigInt(window)))) live.add(epoch)
    }
    return (epoch) => settledAfter(this.genesis, epoch) < round && !live.has(epoch)
  }

  /**
   * Spans of the databases that the deals which are not over are spoken of in, up to that of now.
   */
  spans(state: State, history: History, round: number): Set<number> {
    const { rounds, perDatabase } = this.genesis.body.epoch
    const isOver = this.over(state, history, round)
    const spans = new Set<number>()
    for (const { epoch } of drawsOf(state)) {
      if (isOver(epoch)) continue
      const last = Math.ceil(Math.min(round, settledAfter(this.genesis, epoch)) / rounds)
      const now = spanOf(epochAt(this.genesis, round), perDatabase)
      const until = Math.min(now, spanOf(last, perDatabase))
      for (let span = spanOf(epoch, perDatabase); span <= until; span++) spans.add(span)
    }
    return spans
  }
}

function* drawsOf({ draws, sealed }: State): Iterable<DrawBody> {
  for (const { draw } of draws.values()) yield draw.body
  for (const { body } of sealed.values()) yield body
}
