/**
 * When registrations reached this node (rules: arrivals.ts): in memory for as long as it can matter
 * for a draw to come, and on disk for whoever looks at one again (review.ts). What comes within the
 * first grace after a start may have come while the node was away.
 */
import * as dagCbor from '@ipld/dag-cbor'
import type { Memory } from '../../rules/base/memory.ts'
import { type Arrival, type Arrivals, heardLate, heardLive } from '../../rules/draw/registration-age.ts'
import { openRegistration } from '../../rules/message/registration.ts'
import type { Genesis } from '../../rules/network/genesis.ts'
import { graceRounds, remembersArrivals } from '../../rules/network/schedule.ts'
import { type KeyValues, PRIVATE } from '../storage/private.ts'

/** As they lie in the node's private table. */
export type ArrivalRows = readonly (readonly [key: string, value: Uint8Array])[]

const keyOf = (node: string, account: string): string => `${node}/${account}`

function* arrivalsIn(rows: ArrivalRows): Iterable<[key: string, arrival: Arrival]> {
  for (const [key, bytes] of rows) {
    const [earliest, likely, latest] = dagCbor.decode<[number, number, number]>(bytes)
    yield [key.slice(PRIVATE.arrival.length), { earliest, likely, latest }]
  }
}

export function arrivalsFrom(rows: ArrivalRows): Arrivals {
  const known = new Map(arrivalsIn(rows))
  return (node, account) => known.get(keyOf(node, account)) ?? null
}

export interface ArrivalLogOptions {
  readonly genesis: Genesis
  /** Remembers what was opened and checked. */
  readonly memory?: Memory
  readonly kv: KeyValues
  /** The newest round that is out, by the beacon and by the clock. */
  readonly round: () => number
}

export class ArrivalLog {
  private readonly options: ArrivalLogOptions
  /** By node and account. */
  private readonly known = new Map<string, Arrival>()
  private readonly pending = new Map<string, Arrival>()
  /** The round at which this node began to listen. */
  private since = Number.POSITIVE_INFINITY
  /** The newest round at which it was listening. */
  private last = Number.NEGATIVE_INFINITY

  constructor(options: ArrivalLogOptions) {
    this.options = options
  }

  async load(): Promise<void> {
    this.listen()
    for (const [key, arrival] of arrivalsIn(await this.options.kv.entries(PRIVATE.arrival)))
      this.known.set(key, arrival)
  }

  /**
   * A machine that slept, or had no rounds for long, begins anew: it can't tell what came meanwhile
   * from what comes now.
   */
  private listen(): number {
    const { genesis, round } = this.options
    const now = round()
    if (now > this.last + graceRounds(genesis)) this.since = now
    this.last = now
    return now
  }

  /** A registration came in, now. @param isNew no other of the same node and account is here */
  hear(document: unknown, isNew: boolean): void {
    const now = this.listen()
    if (!isNew) return
    const { genesis, memory } = this.options
    const { node, account, round: named } = openRegistration(genesis, document, memory)
    const isLive = now >= this.since + graceRounds(genesis)
    const arrival = isLive ? heardLive(genesis, named, now) : heardLate(genesis, named, now)
    const key = keyOf(node, account)
    this.known.set(key, arrival)
    this.pending.set(key, arrival)
  }

  /** Writes down what came, and puts what is old out of mind. */
  async update(): Promise<void> {
    const { genesis, kv } = this.options
    const now = this.listen()
    for (const [key, { earliest, likely, latest }] of this.pending) {
      this.pending.delete(key)
      await kv.put(PRIVATE.arrival + key, dagCbor.encode([earliest, likely, latest]))
    }
    const forgotten = now - remembersArrivals(genesis)
    for (const [key, { latest }] of this.known) {
      if (latest < forgotten) this.known.delete(key)
    }
  }

  readonly lookUp: Arrivals = (node, account) => this.known.get(keyOf(node, account)) ?? null
}
