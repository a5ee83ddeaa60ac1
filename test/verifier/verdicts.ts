/** What the verifiers say of a file: the program's, and the one that shares no code with it. */
import * as dagJson from '@ipld/dag-json'
import { createMemory } from '../../orbit/rules/base/memory.ts'
import { RuleError } from '../../orbit/rules/base/statement.ts'
import { readCertificate } from '../../orbit/rules/certificate/read.ts'
import { judgeUnit } from '../../orbit/rules/certificate/recompute.ts'
import { checksumHex } from '../../orbit/rules/message/bodies.ts'
import { provesNothing } from '../../orbit/rules/network/genesis.ts'
import { verify } from './standalone/certificate.mjs'

/** 'valid', 'proves nothing', or the sentence that names the reason. */
export function secondVerdict(bytes: Uint8Array): string {
  try {
    return verify(bytes).provesNothing ? 'proves nothing' : 'valid'
  } catch (error) {
    return (error as Error).message
  }
}

/** Signatures and rounds that were found right. */
const memory = createMemory()

/** Without computing any leaf. */
export function firstVerdict(bytes: Uint8Array): string {
  try {
    const { genesis, units } = readCertificate(bytes, memory)
    for (const unit of units.values()) judgeUnit(genesis, unit)
    return provesNothing(genesis) ? 'proves nothing' : 'valid'
  } catch (error) {
    if (error instanceof RuleError) return error.message
    throw error
  }
}

const short = (verdict: string) => (['valid', 'proves nothing'].includes(verdict) ? verdict : 'refused')

/** 'valid', 'proves nothing' or 'refused', where the two agree; else what each of them says. */
export function bothVerdicts(bytes: Uint8Array): string {
  const [first, second] = [firstVerdict(bytes), secondVerdict(bytes)]
  return short(first) === short(second) ? short(first) : `first: ${first}; second: ${second}`
}

export const secondVerdictOf = (file: object): string => secondVerdict(dagJson.encode(file))
export const firstVerdictOf = (file: object): string => firstVerdict(dagJson.encode(file))

/** What a file says that both accept, in the words of each. */
export function sayingsOf(bytes: Uint8Array) {
  const first = readCertificate(bytes, memory)
  const second = verify(bytes)
  const silent = [...first.units].flatMap(([unit, of]) => (of.silent.length > 0 ? [unit] : []))
  return {
    first: {
      ...{ network: first.genesis.networkId, window: first.window, isWhole: first.complete, silent },
      ...{ count: first.count, checksum: checksumHex(first.checksum), units: [...first.units.keys()] },
      contested: [...new Set(first.contested.map(({ unit }) => unit))],
    },
    second: {
      ...{ network: second.genesis.id, window: second.window, isWhole: second.isWhole, count: second.count },
      ...{ checksum: second.checksum, units: second.units.map(({ unit }) => unit) },
      contested: second.units.filter((unit) => unit.isContested).map(({ unit }) => unit),
      silent: second.units.filter((unit) => unit.isSilent).map(({ unit }) => unit),
    },
  }
}
