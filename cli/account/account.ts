/** `collatz account`: the commands about one account. */
import { defineCommand } from 'citty'
import { show } from './show-account.ts'

export const account = defineCommand({
  meta: { name: 'account', description: 'what is known of an account, with the evidence' },
  subCommands: { show },
})
