/**
 * The units that the deals ask of this node: which are owed, and what becomes of them, a result or
 * a decline.
 */
import { rawCid } from '../../rules/base/cid.ts'
import { sign } from '../../rules/base/statement.ts'
import { isWitnessed } from '../../rules/deal/witness.ts'
import type { DeclineBody, ResultBody } from '../../rules/message/bodies.ts'
import { databaseName, documentKey, spanOf } from '../../rules/message/documents.ts'
import type { Assignment } from '../../rules/message/unit.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import { duties } from '../../rules/state/duties.ts'
import type { State } from '../../rules/state/state.ts'
import type { Blocks } from '../orbit-node.ts'
import type { Submissions } from './submission.ts'
import type { WithheldLeaves } from './withheld-leaves.ts'

export interface OwedUnitsOptions {
  readonly genesis: Genesis
  /** This node's key, and its seed. */
  readonly node: string
  readonly secret: Uint8Array
  readonly state: () => State
  /** Whether this node accepts the draw that a CID names. */
  readonly accepts: (draw: string) => boolean
  readonly submissions: Pick<Submissions, 'has' | 'keep' | 'isKept'>
  readonly withheld: Pick<WithheldLeaves, 'keep'>
  readonly blocks: Blocks
  readonly put: (database: string, key: string, value: unknown) => Promise<void>
}

export class OwedUnits {
  private readonly options: OwedUnitsOptions
  /** CIDs of leaves on their way to where submission.ts knows of them. */
  private readonly submitting = new Set<string>()

  constructor(options: OwedUnitsOptions) {
    this.options = options
  }

  /** The units that this node should compute as of a round, oldest first. */
  owed(round: number): Assignment[] {
    const { node, submissions } = this.options
    const state = this.options.state()
    return duties(state, node, round).filter(
      (assignment) => !submissions.has(assignment) && this.stands(state, assignment.epoch),
    )
  }

  /** A draw is worked by if this node accepts it, or if most of its roster witness it. */
  private stands(state: State, epoch: number): boolean {
    const dealt = state.draws.get(epoch)
    if (!dealt) return false
    return this.options.accepts(dealt.cid) || isWitnessed(dealt.draw.body, state.witnesses.get(dealt.cid))
  }

  /**
   * Keeps a result until it is committed to and shown. When it resolves, the result survives a
   * kill.
   */
  async submit(result: Omit<ResultBody, 'leaves'>, leaves: Uint8Array, round: number): Promise<void> {
    const { node, state, submissions, withheld, blocks } = this.options
    const { epoch, unit } = result
    const dealt = state().draws.get(epoch)?.assignments
    const assignment = dealt?.find(({ window, unit: index }) => window === BigInt(result.window) && index === unit)
    const cid = rawCid(leaves).toString()
    this.submitting.add(cid)
    try {
      if (assignment?.audited && assignment.quorum[0] === node) await withheld.keep(assignment, leaves)
      else await blocks.put(leaves, 'raw')
      await submissions.keep({ ...result, leaves: cid }, round)
    } finally {
      this.submitting.delete(cid)
    }
  }

  /**
   * Whether this node still needs the leaves that a CID names, though no document names them yet.
   */
  isPending(cid: string): boolean {
    return this.submitting.has(cid) || this.options.submissions.isKept(cid)
  }

  /** Gives units back, so that the reserve can begin at once. */
  async decline(assignments: readonly Assignment[]): Promise<void> {
    const { genesis, node, secret, put } = this.options
    for (const { epoch, window, unit } of assignments) {
      const body: DeclineBody = {
        ...{ type: 'decline', network: genesis.networkId },
        ...{ epoch, window: window.toString(), unit },
      }
      await put(
        databaseName('results', spanOf(epoch, genesis.body.epoch.perDatabase)),
        documentKey.decline(node, epoch, body.window, unit),
        { statement: sign(body, secret).bytes },
      )
    }
  }
}
