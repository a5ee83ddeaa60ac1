/**
 * A local chain's source: this node has the key and signs a round each period while it runs. Rounds
 * do not depend on one another, so a round that was missed while it was off is signed when it is
 * asked for. It signs none before its time.
 */
import { equalBytes } from '../../rules/base/bytes.ts'
import { type BeaconRound, type ChainInfo, localChain, roundAt, signRound, timeOf } from '../../rules/network/beacon.ts'
import { sleepUntil } from '../async/sleep.ts'
import { VerifiedRounds } from './rounds.ts'
import type { BeaconSource } from './source.ts'

/**
 * @param options.secret 32 bytes: the chain's BLS secret
 * @param options.now    unix milliseconds
 * @throws {Error} when the secret is not the chain's
 */
export function localSource(options: { chain: ChainInfo; secret: Uint8Array; now?: () => number }): BeaconSource {
  const { chain, secret, now = Date.now } = options
  if (!equalBytes(localChain(secret, chain.genesisTime, chain.period).publicKey, chain.publicKey)) {
    throw new Error("the beacon key is not the one of the network's chain: restore the key that was made with it")
  }
  const rounds = new VerifiedRounds(chain)
  const stopping = new AbortController()
  let running: Promise<void> | null = null

  const newest = () => roundAt(chain, now() / 1000)
  const produce = (round: number): BeaconRound => rounds.get(round) ?? rounds.acceptOwn(round, signRound(secret, round))

  async function run(): Promise<void> {
    for (;;) {
      const round = newest()
      if (round >= 1) produce(round)
      await sleepUntil(timeOf(chain, round + 1) * 1000, now, stopping.signal)
    }
  }

  return {
    chain,
    current: () => rounds.current(),
    accept: (round, signature) => rounds.accept(round, signature),
    onRound: (listener) => rounds.onRound(listener),
    trouble: () => null,

    async round(round, { signal } = {}) {
      stopping.signal.throwIfAborted()
      signal?.throwIfAborted()
      if (!Number.isSafeInteger(round) || round < 1) throw new RangeError(`${round} is not a beacon round`)
      await sleepUntil(
        timeOf(chain, round) * 1000,
        now,
        signal ? AbortSignal.any([signal, stopping.signal]) : stopping.signal,
      )
      return produce(round)
    },

    async start() {
      running ??= run().catch((error) => {
        if (!stopping.signal.aborted) throw error
      })
    },

    async stop() {
      if (!stopping.signal.aborted) stopping.abort(new Error('the beacon source has been stopped'))
      await running
    },
  }
}
