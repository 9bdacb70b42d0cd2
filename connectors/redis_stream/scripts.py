"""What must be one step at the server: Lua scripts, with what goes in and comes out."""

from __future__ import annotations

#: KEYS: stream, mark of the idempotency key, mark of the name ('' where the name may come again).
#: ARGV: seconds that marks are kept, then field, value, field, value ….
#: Gives {1, id} when it was added now, {0, id} when it was there, {-1, id} when the name belongs to another key.
PUBLISH = """
local known = redis.call('GET', KEYS[2])
if known then return {0, known} end
if KEYS[3] then
  local taken = redis.call('GET', KEYS[3])
  if taken then return {-1, taken} end
end
local id = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
redis.call('SET', KEYS[2], id, 'EX', ARGV[1])
if KEYS[3] then redis.call('SET', KEYS[3], id, 'EX', ARGV[1]) end
return {1, id}
"""

#: KEYS: stream, dead-letter stream (or none). ARGV: group, id, reason ('' unless it goes to the dead letters), '1' to delete.
#: Only the call that acknowledges copies and deletes, so that it may be repeated. Gives 1 when it was this one. The copy
#: comes first: a script that fails is not taken back, and what could not be copied must stay pending.
SETTLE = """
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1)
if #pending == 0 then return 0 end
if KEYS[2] and ARGV[3] ~= '' then
  local found = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])
  local fields = found[1] and found[1][2] or {}
  redis.call('XADD', KEYS[2], '*', 'orderhub-reason', ARGV[3], 'orderhub-id', ARGV[2], unpack(fields))
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if ARGV[4] == '1' then redis.call('XDEL', KEYS[1], ARGV[2]) end
return 1
"""

#: KEYS: stream. Trims what every group has acknowledged, and nothing else: up to the oldest pending entry of any group, or to
#: the last delivered one of a group that has none pending. Gives how many entries went.
TRIM = """
local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end
local function before(a, b)
  local ams, aseq = parts(a)
  local bms, bseq = parts(b)
  return ams < bms or (ams == bms and aseq < bseq)
end
local least
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local about = {}
  for i = 1, #group, 2 do about[group[i]] = group[i + 1] end
  local keep
  if about['pending'] > 0 then
    keep = redis.call('XPENDING', KEYS[1], about['name'])[2]
  else
    keep = about['last-delivered-id']
  end
  if not least or before(keep, least) then least = keep end
end
if not least then return 0 end
return redis.call('XTRIM', KEYS[1], 'MINID', '=', least)
"""
