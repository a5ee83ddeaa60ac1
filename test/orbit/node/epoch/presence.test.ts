/** A node that missed too much registers again by itself, once; a banned one does not. */
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Presence } from '../../../../orbit/node/epoch/presence.ts'
import { found } from '../../../../orbit/node/home/founding.ts'
import type { Home } from '../../../../orbit/node/home/home.ts'
import { excludedAt } from '../../../../orbit/rules/draw/seal.ts'
import { heartbeatIn } from '../../../../orbit/rules/membership/heartbeats.ts'
import type { HeartbeatBody } from '../../../../orbit/rules/message/bodies.ts'
import { randomnessOf } from '../../../../orbit/rules/network/beacon.ts'
import type { GenesisBody } from '../../../../orbit/rules/network/genesis.ts'
import { verifyPuzzle } from '../../../../orbit/rules/network/puzzle.ts'
import { deadlineRound } from '../../../../orbit/rules/network/schedule.ts'
import type { State } from '../../../../orbit/rules/state/state.ts'
import { beaconAt, Party } from '../../rules/party.ts'

function absent(changes: Partial<GenesisBody> = {}, puzzleMs = 60_000) {
  const party = new Party({ accounts: 3, changes })
  const beats: HeartbeatBody[] = []
  const units = party.deal(2, 5)
  const round = deadlineRound(party.genesis, 2) + 1
  const [member] = party.members as [Party['members'][0]]
  expect(units.every(({ quorum }) => quorum.includes(member.node))).toBe(true)
  const notices: string[] = []
  const home = {
    ...{ genesis: party.genesis, accountKey: member.accountSecret, nodeKey: member.nodeSecret },
    config: { name: 'again' },
  } as unknown as Home
  let state: (state: State) => State = (own) => own
  const presence = new Presence(
    {
      ...{ home, engines: ['wasm'], owed: () => 0, witnessed: () => [], signal: new AbortController().signal },
      state: () => state(party.state()),
      put: async (database, _, document) => {
        if (database === 'accounts') party.documents.accounts.push(document)
        else beats.push(heartbeatIn(document))
      },
      notice: (text) => notices.push(text),
      puzzleMs,
    },
    4,
  )
  const register = (at: number) =>
    presence.register({ round: at, signature: beaconAt(at), randomness: randomnessOf(beaconAt(at)) })
  return {
    ...{ party, member, notices, round, register, presence, beats },
    pretend: (as: (own: State) => State) => {
      state = as
    },
  }
}

test('registers again when it is dealt nothing any more, and is on the roster again', async () => {
  const { party, member, notices, round, register } = absent()
  expect(excludedAt(party.state(), round)).toContain(member.account)
  await register(round)
  expect(notices).toEqual([
    'Your account has missed 4 units more than it has shown, so it is dealt nothing: registering it again.',
  ])
  expect(party.state().nodes.get(member.node)).toMatchObject({ name: 'again', round })
  expect(excludedAt(party.state(), round)).not.toContain(member.account)
  // Not at every round.
  const registrations = party.documents.accounts.length
  for (let later = round; later < round + 9; later++) await register(later)
  expect(party.documents.accounts).toHaveLength(registrations)
})

test('a puzzle that takes long is one of a recent round, not of the one that it was begun in', async () => {
  const price = { N: 1024, r: 8, p: 1, tries: 100 }
  const { party, member, round, register } = absent({ registration: price }, 5)
  const solves = (at: number, nonce: number): boolean => {
    const { networkId } = party.genesis
    try {
      const input = { networkId, account: member.account, round: at, randomness: randomnessOf(beaconAt(at)) }
      verifyPuzzle(price, input, nonce)
      return true
    } catch {
      return false
    }
  }
  // One that no machine solves in the 5 ms that a round gets, and a later one that the first try
  // solves.
  let hard = round
  while (Array.from({ length: 40 }, (_, nonce) => nonce).some((nonce) => solves(hard, nonce))) hard++
  let easy = hard + 1
  while (!solves(easy, 0)) easy++
  const before = party.documents.accounts.length
  const done = register(hard)
  void register(easy)
  await done
  expect(party.documents.accounts).toHaveLength(before + 1)
  expect(party.state().nodes.get(member.node)!.round).toBe(easy)
})

test('in a production network it says that it is there every two minutes or less, however rounds come', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'collatz-presence-'))
  const founding = { kind: 'production', network: 'n', account: 'a', listen: [], directory } as const
  const { epoch, freshRounds, beacon } = found(founding).genesis.body
  rmSync(directory, { recursive: true })
  for (const stride of [1, 2, 3]) {
    const { party, presence, beats } = absent({ epoch, freshRounds })
    expect(party.genesis.body.freshRounds * beacon.period).toBe(300)
    for (let round = 2400; round < 3700; round += stride) await presence.beatIfDue({ round, ...random })
    const rounds = beats.map(({ round }) => round)
    const gaps = rounds.slice(1).map((round, i) => (round - rounds[i]!) * beacon.period)
    expect(Math.max(...gaps)).toBeLessThanOrEqual(120)
    // Nor more often than it has to.
    expect(rounds.length).toBeLessThanOrEqual(2 + 1300 / (40 - stride))
  }
})
const random = { signature: beaconAt(1), randomness: randomnessOf(beaconAt(1)) }

test('does not while it takes no work, nor for a banned account', async () => {
  const { party, member, round, register, presence, pretend } = absent()
  const registrations = party.documents.accounts.length
  presence.capacity = 0
  await register(round)
  presence.capacity = 4
  pretend((own) => ({ ...own, convictions: [{ account: member.account } as State['convictions'][0]] }))
  await register(round + 3)
  expect(party.documents.accounts).toHaveLength(registrations)
})
