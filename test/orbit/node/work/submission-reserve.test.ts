/**
 * Nodes of a draw do nothing, or commit to a result and never show it: the reserve gets each unit
 * certified before it would have to be dealt again. In memory, round by round, with the code that
 * real nodes decide by.
 */

import { expect, setDefaultTimeout, test } from 'bun:test'
import { Submissions } from '../../../../orbit/node/work/submission.ts'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'
import { randomnessOf } from '../../../../orbit/rules/network/beacon.ts'
import { lastRound, seedRound } from '../../../../orbit/rules/network/schedule.ts'
import { duties } from '../../../../orbit/rules/state/duties.ts'
import { NO_HISTORY } from '../../../../orbit/rules/state/settled-window.ts'
import { type State, stateOf } from '../../../../orbit/rules/state/state.ts'
import { isUnitCertified } from '../../../../orbit/rules/state/windows.ts'

import { Random } from '../../../kernels/random.ts'
import { beaconAt, Party } from '../../rules/party.ts'

setDefaultTimeout(2_400_000)

/** silent: it commits, and shows nothing. gone: it is on the roster, and does nothing. */
type Role = 'honest' | 'silent' | 'gone'

/** A document reaches others so many rounds after it was written, at most. */
const MAX_LAG = 2
/** A unit takes so many rounds, at most. */
const MAX_WORK = 4

interface Written {
  readonly document: unknown
  readonly by: string
  readonly round: number
}

/**
 * Units that are not certified by the time that nobody is awaited any more.
 *
 * @param busy nodes have other things to compute as well: what they have is shown an epoch later
 */
async function uncertified(roles: readonly Role[], epoch: number, random: Random, busy = false): Promise<Assignment[]> {
  const party = new Party({
    ...{ accounts: roles.length, partition: { units: 8 } },
    changes: { epoch: { rounds: 12, perDatabase: 1000 }, deadlineRounds: busy ? 24 : 30, missLimit: 64 },
  })
  const { genesis, members } = party
  const assignments = party.deal(epoch, roles.length - 1, { capacity: 4 })
  const log: Written[] = []
  let now = seedRound(genesis, epoch)
  const stateBy = (documents: readonly Written[]): State => {
    const results = documents.map(({ document }) => document)
    return stateOf(
      genesis,
      party.unitsPerWindow,
      { ...party.documents, results },
      party.knowledge,
      NO_HISTORY,
      party.memory,
    )
  }
  const machines = members.flatMap(({ node, nodeSecret }, i) => {
    if (roles[i] === 'gone') return []
    const lag = random.below(MAX_LAG + 1)
    const here = () => log.filter(({ by, round }) => by === node || round + lag <= now)
    const kept = new Map<string, Uint8Array>()
    const answers = new Submissions({
      ...{ genesis, node, secret: nodeSecret, state: () => stateBy(here()) },
      kv: {
        get: async (key: string) => kept.get(key),
        put: async (key: string, value: Uint8Array) => void kept.set(key, value),
        delete: async (key: string) => void kept.delete(key),
        entries: async (prefix: string) => [...kept].filter(([key]) => key.startsWith(prefix)),
      } as never,
      put: async (_, __, document) => void log.push({ document, by: node, round: now }),
    })
    if (roles[i] === 'silent') Object.assign(answers, { reveal: async () => {} })
    return [{ node, answers, here, heard: new Set<unknown>(), busyUntil: 0 }]
  })
  for (; now <= lastRound(genesis, epoch); now++) {
    const signature = beaconAt(now)
    for (const machine of machines) {
      const { node, answers, here, heard } = machine
      for (const { document } of here()) {
        if (heard.has(document)) continue
        heard.add(document)
        answers.hear(document, false)
      }
      const owed = () => duties(stateBy(here()), node, now).filter((unit) => !answers.has(unit))
      const [unit] = owed()
      if (unit && now >= machine.busyUntil) {
        machine.busyUntil = now + 1 + random.below(MAX_WORK)
        await answers.keep(party.result(unit, party.claim(unit)), now)
      }
      await answers.flush({ round: now, signature, randomness: randomnessOf(signature) }, !busy && owed().length === 0)
    }
  }
  const { windows } = stateBy(log)
  return assignments.filter(({ window, unit }) => !isUnitCertified(windows.get(window), unit))
}

const H = 'honest'
test.each([
  ['all are there', 4, [H, H, H, H]],
  ['one is gone', 6, [H, H, H, H, 'gone']],
  ['one never shows what it has committed to, and one is gone', 24, [H, H, H, H, 'silent', 'gone']],
  ['two never show theirs', 6, [H, H, H, H, H, 'silent', 'silent']],
  ['two never show theirs, and one is gone', 6, [H, H, H, H, H, 'silent', 'silent', 'gone']],
] as [string, number, Role[]][])('%s: every unit of %i draws is certified', async (_, draws, roles) => {
  const random = new Random(roles.length)
  for (let draw = 0; draw < draws; draw++) {
    const epoch = 2 + random.below(400)
    expect({ epoch, left: await uncertified(roles, epoch, random) }).toEqual({ epoch, left: [] })
  }
})

test('with deadlines of two epochs, nothing is lost to nodes that have other things to compute', async () => {
  const random = new Random(8)
  for (let draw = 0; draw < 8; draw++) {
    const epoch = 2 + random.below(400)
    const roles: Role[] = [H, H, H, H, H, 'silent', 'silent', 'gone']
    expect({ epoch, left: await uncertified(roles, epoch, random, true) }).toEqual({ epoch, left: [] })
  }
})
