import { expect, test } from 'bun:test'
import { solvePuzzle } from '../../../../orbit/node/epoch/puzzle-solver.ts'
import { RuleError } from '../../../../orbit/rules/base/statement.ts'
import { type PuzzleInput, priceOf, verifyPuzzle } from '../../../../orbit/rules/network/puzzle.ts'

const cheap = { N: 64, r: 2, p: 1, tries: 50 }
const input = (account: number): PuzzleInput => ({
  networkId: 'bafyreigenesis',
  account: account.toString(16).padStart(64, '0'),
  round: 1000,
  randomness: new Uint8Array(32).fill(5),
})

test('what is found is a solution, on one thread or four, and progress is told', async () => {
  for (const threads of [1, 4]) {
    for (let account = 0; account < 8; account++) {
      const told: number[] = []
      const onProgress = ({ tried, expected }: { tried: number; expected: number }) => {
        expect(expected).toBe(50)
        told.push(tried)
      }
      const nonce = await solvePuzzle(cheap, input(account), { threads, onProgress })
      verifyPuzzle(cheap, input(account), nonce)
      expect(told).toEqual(Array.from({ length: told.length }, (_, i) => i + 1))
      expect(told.length).toBeGreaterThan(nonce)
    }
  }
})

test('the genesis price of a real network is solved and checked the same way', async () => {
  const price = { ...priceOf(0), tries: 3 }
  verifyPuzzle(price, input(1), await solvePuzzle(price, input(1)))
})

test('a search goes on from where it was stopped', async () => {
  const first = await solvePuzzle(cheap, input(2), { threads: 1 })
  const second = await solvePuzzle(cheap, input(2), { threads: 1, from: first + 1 })
  expect(second).toBeGreaterThan(first)
  verifyPuzzle(cheap, input(2), second)
})

test('it stops when told', async () => {
  const stop = new AbortController()
  const onProgress = ({ tried }: { tried: number }) => {
    if (tried === 5) stop.abort(new Error('enough'))
  }
  const search = solvePuzzle({ ...cheap, tries: 2 ** 50 }, input(3), { signal: stop.signal, onProgress })
  await expect(search).rejects.toThrow('enough')
})

test('a price that nobody could check is not begun', async () => {
  await expect(solvePuzzle({ ...cheap, N: 2 ** 20 }, input(4))).rejects.toThrow(RuleError)
})
