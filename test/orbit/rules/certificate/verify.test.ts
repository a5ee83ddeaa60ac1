/** Verifying a certificate with an engine: what is judged, which leaves are computed and when, and what comes of a fault. */
import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { summarize } from '../../../../kernels/result.ts'
import type { Unit } from '../../../../kernels/unit.ts'
import { resultOf, type UnsignedResult } from '../../../../orbit/rules/answer/results.ts'
import { rawCid } from '../../../../orbit/rules/base/cid.ts'
import { RuleError } from '../../../../orbit/rules/base/statement.ts'
import type { LeafEngine } from '../../../../orbit/rules/certificate/recompute.ts'
import { type VerifyOptions, verifyCertificate } from '../../../../orbit/rules/certificate/verify.ts'
import { writeCertificate } from '../../../../orbit/rules/certificate/write.ts'
import type { Assignment } from '../../../../orbit/rules/message/unit.ts'
import { hardInLeaf, LEAST_HARD, provesNothing } from '../../../../orbit/rules/network/genesis.ts'
import { deadlineRound } from '../../../../orbit/rules/network/schedule.ts'
import { Party } from '../party.ts'

setDefaultTimeout(600_000)

/**
 * Four units of four leaves. Of 0 one of the quorum lied in leaf 2, and two of the reserve were called; of 1 all lied, in leaf
 * 2 as well; of 2 one seat said nothing.
 */
let party: Party
let window: bigint
let certificate: Uint8Array
const LEAVES = 16
/** "unit/leaf" of each leaf that was computed. */
const computed: string[] = []

/** What is true is what Party claims; in unit 1 it is what was signed, unless the test is about that. */
const engineFor =
  (lies = false, lied = false) =>
  (): LeafEngine => ({
    verifyLeaf: async ({ window: w, index }: Unit, leaf, { signal } = {}) => {
      signal?.throwIfAborted()
      computed.push(`${index}/${leaf}`)
      const variant = (index === 1 && !lies) || (index === 0 && lied) ? 1 : 0
      return party.claim({ window: w, unit: index }, variant)[leaf]!
    },
  })

const mustNotOpen = () => {
  throw new Error('an engine was opened')
}

function verify(options: Partial<VerifyOptions> = {}, file = certificate) {
  computed.length = 0
  return verifyCertificate(file, { engineFor: engineFor(), ...options })
}

/** There is time for so many leaves. */
function timeFor(leaves: number): () => boolean {
  let left = leaves
  return () => left-- > 0
}

/** Draws these one after the other, and then any, always the same; notes down of how many each was drawn. */
function drawing(...drawn: number[]) {
  const among: number[] = []
  let state = 1
  const below = (n: number) => {
    among.push(n)
    state = (state * 48_271) % 2_147_483_647
    return drawn.shift() ?? state % n
  }
  return { below, among }
}

beforeAll(() => {
  party = new Party({ accounts: 12, real: true, partition: { units: 4 } })
  const units = party.deal(2, 4) as [Assignment, Assignment, Assignment, Assignment]
  party.answerAll([units[0]], (node, { quorum }) => (node === quorum[0] ? 1 : 0))
  party.answerAll([units[1]], () => 1)
  party.answer(units[2], units[2].quorum.slice(1))
  party.answer(units[2], units[2].reserve.slice(0, 1), [], deadlineRound(party.genesis, 2))
  party.answerAll([units[3]])
  party.learn(units[0], 2)
  party.callAll([units[0]], 9, () => 0)
  window = units[0].window
  certificate = writeCertificate(party.state(), window, party.sources)
})

describe('leaves', () => {
  test('that are contested are computed, and no others where there is no time', async () => {
    const { certified, recomputed, wrong, leaves } = await verify({ below: () => 0 })
    expect(computed).toEqual(['0/2'])
    expect(recomputed).toEqual([{ window, unit: 0, leaf: 2 }])
    expect([wrong, leaves, certified.units.size]).toEqual([null, LEAVES, 4])
  })

  test('of units that were asked for are computed whole, after those, whatever the time', async () => {
    const { recomputed } = await verify({ whole: [3, 0, 3] })
    expect(computed).toEqual(['0/2', '3/0', '3/1', '3/2', '3/3', '0/0', '0/1', '0/3'])
    expect(recomputed).toHaveLength(8)
  })

  /** The first number is that of a unit among those drawn of, the second that of its leaf. */
  test.each([
    ['none', 0, [], ['0/2'], []],
    ['one', 1, [0, 1], ['0/2', '2/1'], [1, 4]],
    ['two', 2, [0, 1, 3, 0], ['0/2', '2/1', '3/0'], [1, 4, 4, 4]],
    ['four', 4, [0, 1, 3, 0, 0, 2, 0, 3], ['0/2', '2/1', '3/0', '2/2', '0/3'], [1, 4, 4, 4, 1, 4, 4, 4]],
    // One that is drawn again, or is contested, takes its turn and is not computed twice.
    ['three, two of them again', 3, [0, 1, 0, 2, 0, 1], ['0/2', '2/1'], [1, 4, 4, 4, 1, 4]],
  ] as const)('are drawn while there is time for %s: each second of the unit with a silent seat', async (...row) => {
    const [, time, drawn, expected, among] = row
    const draw = drawing(...drawn)
    await verify({ hasTime: timeFor(time), below: draw.below })
    expect(computed).toEqual([...expected])
    expect(draw.among).toEqual([...among])
  })

  test('are all computed where time never ends, each once', async () => {
    const { recomputed } = await verify({ hasTime: () => true, below: drawing().below })
    expect([computed.length, new Set(computed).size, recomputed.length]).toEqual([LEAVES, LEAVES, LEAVES])
  })
})

describe('a leaf that is not as it was signed', () => {
  test('is told with both records, and nothing more is computed', async () => {
    const { recomputed, wrong } = await verify({ engineFor: engineFor(true), whole: [3, 1, 2] })
    expect(computed).toEqual(['0/2', '3/0', '3/1', '3/2', '3/3', '1/0', '1/1', '1/2'])
    expect(recomputed).toHaveLength(7)
    expect(wrong).toEqual({
      ...{ window, unit: 1, leaf: 2 },
      signed: party.claim({ window, unit: 1 }, 1)[2]!,
      computed: party.claim({ window, unit: 1 }, 0)[2]!,
    })
  })

  test('is told where it is contested, and where it is drawn', async () => {
    const contested = await verify({ engineFor: engineFor(false, true) })
    expect(contested.wrong).toMatchObject({ unit: 0, leaf: 2 })
    const { below } = drawing(0, 0, 1, 2)
    const drawn = await verify({ engineFor: engineFor(true), hasTime: timeFor(2), below })
    expect(drawn.wrong).toMatchObject({ unit: 1, leaf: 2 })
    expect(drawn.recomputed).toHaveLength(2)
  })
})

test('items of evidence of all results are counted, and how much of a unit could have been skipped unseen', async () => {
  const { certified, items, skippable } = await verify()
  const results = [...certified.units.values()].flatMap(({ shown }) => shown.map(({ result }) => result))
  expect(results).toHaveLength(5 + 3 + 3 + 3)
  expect(items).toBe(results.reduce((sum, { item }) => sum + item.items, 0))
  expect(items).toBeGreaterThan(500)
  // 64 items a unit show little, and something.
  expect(skippable).toBeGreaterThan(0)
  expect(skippable).toBeLessThan(1000)
})

test('each step tells how far it is', async () => {
  const steps: string[] = []
  let pauses = 0
  await verify({
    ...{ whole: [0], hasTime: timeFor(1), below: drawing(0, 0).below },
    onProgress: ({ step, done, total }) => steps.push(`${step} ${done}/${total}`),
    pause: async () => void pauses++,
  })
  const leaves = [0, 1, 2, 3].map((done) => `recompute ${done}/4`)
  const ofUnits = (step: string) => [0, 1, 2, 3].map((done) => `${step} ${done}/4`)
  expect(steps).toEqual([...ofUnits('read'), ...ofUnits('judge'), ...leaves, 'recompute 4/null'])
  expect(pauses).toBe(8)
})

describe('nothing is computed', () => {
  test('of a file that does not hold', async () => {
    const file = certificate.slice(1)
    await expect(verify({ engineFor: mustNotOpen }, file)).rejects.toThrow(RuleError)
  })

  test('nor judged, of one that is refused for what it is about', async () => {
    const steps = new Set<string>()
    const accept = () => {
      throw new RuleError('it is about something else')
    }
    const onProgress = ({ step }: { readonly step: string }) => steps.add(step)
    await expect(verify({ engineFor: mustNotOpen, accept, onProgress })).rejects.toThrow('about something else')
    expect([...steps]).toEqual(['read'])
  })

  test('of windows beyond 2^96, whose results are judged all the same', async () => {
    const below = (1n << 96n).toString()
    const baseline = { below, citation: 'a test', url: 'https://example.org/' }
    const { file } = lone((beyond, unit, node) => beyond.result(unit, beyond.claim(unit), true, { node }), { baseline })
    const found = await verify({ engineFor: mustNotOpen, hasTime: () => true }, file)
    expect([found.recomputed, found.wrong, found.leaves]).toEqual([[], null, 4])
    expect(found.items).toBeGreaterThan(50)
  })

  test.each(['read', 'judge', 'recompute'])('once the signal fires in the step %s', async (during) => {
    const controller = new AbortController()
    const steps: string[] = []
    const onProgress = ({ step, done }: { readonly step: string; readonly done: number }) => {
      steps.push(step)
      if (step === during && done === 1) controller.abort()
    }
    const stopped = verify({ whole: [3], onProgress, signal: controller.signal })
    const error = await stopped.then(
      () => null,
      (thrown: unknown) => thrown,
    )
    expect((error as Error).name).toBe('AbortError')
    expect(steps.filter((step) => step === during)).toHaveLength(2)
    expect(computed).toEqual(during === 'recompute' ? ['0/2'] : [])
  })
})

/** A certificate of one unit by one result, which everybody whose certificate it is takes for sound. */
function lone(
  resultBy: (party: Party, unit: Assignment, node: string) => UnsignedResult,
  changes: ConstructorParameters<typeof Party>[0]['changes'] = {},
) {
  const small = new Party({
    ...{ accounts: 3, real: true, partition: { units: 1 } },
    changes: { replication: 1, ...changes },
  })
  const [unit] = small.deal(2, 1) as [Assignment]
  const [node] = unit.quorum as [string]
  const cid = small.show(node, [resultBy(small, unit, node)], 7)
  small.judgements.set(`${cid} 0`, { fault: null, falseItem: null, wrongLeaf: null, tallies: [] })
  return { file: writeCertificate(small.state(), unit.window, small.sources) }
}

/** Leaves with so many more hard numbers each than there are. */
const inflated = (by: Party, unit: Assignment, more: number) =>
  by.claim(unit).map((leaf) => ({ ...leaf, count: leaf.count + more }))

test.each([
  ['sound', null, (by, unit, node) => by.result(unit, by.claim(unit), true, { node })],
  [
    'with the evidence of another',
    'lists numbers as evidence that are none for it',
    (by, unit, node) => {
      const other = by.members.find((member) => member.node !== node)!
      return by.result(unit, by.claim(unit), true, { node: other.node })
    },
  ],
  [
    'with no evidence',
    'has so little evidence',
    (by, unit) => {
      const none = { ...summarize(by.claim(unit)), evidence: [[], [], []] }
      const { leaves, ...result } = resultOf(by.genesis, unit, none)
      by.blocks.set(rawCid(leaves).toString(), leaves)
      return result
    },
  ],
  [
    'with too many hard numbers',
    'has a count that is far from what theory expects',
    (by, unit, node) => by.result(unit, inflated(by, unit, 50), true, { node }),
  ],
] as [string, string | null, Parameters<typeof lone>[0]][])('a result %s: %p', async (_, fault, resultBy) => {
  const { file } = lone(resultBy)
  const verified = verify({ engineFor: mustNotOpen }, file)
  if (fault === null) expect((await verified).wrong).toBeNull()
  else await expect(verified).rejects.toThrow(new RegExp(`^unit 0 has a result by node .* that ${fault}`))
})

test('results prove nothing where a leaf has fewer than 20 hard numbers, as theory expects', () => {
  const whole = {
    map: '3n+1',
    bits: 28,
    units: 1,
    leaves: 1,
    hardSteps: 128,
    evidence: { flagBits: 0, items: 8 },
  } as const
  // 20 to the bit is nowhere: one leaf more or less is as near as a partition comes to it.
  const most = Math.floor(hardInLeaf({ partition: whole }) / LEAST_HARD)
  const of = (leaves: number) => provesNothing({ partition: { ...whole, leaves } })
  expect(LEAST_HARD).toBe(20)
  expect([most - 1, most, most + 1].map(of)).toEqual([false, false, true])
  expect([most, most + 1].map((leaves) => hardInLeaf({ partition: { ...whole, leaves } }) < 20)).toEqual([false, true])
})

test('a browser can bundle all that verifies a certificate', async () => {
  const entrypoint = new URL('../../../../orbit/rules/certificate/verify.ts', import.meta.url).pathname
  const { success, outputs } = await Bun.build({ entrypoints: [entrypoint], target: 'browser', format: 'esm' })
  expect(success).toBe(true)
  const text = await outputs[0]!.text()
  expect(text).toContain('verifyCertificate')
  expect(text).not.toMatch(/\bfrom ?["'](node:|bun)|require\(["']node:/)
})
