"""The scripts that serve, create, replace and extend plans. All keys of a call are in the viewer's hash slot."""

from core.redis.script import Script

# Records slots as served up to a position. The served list is newest first. Shared by the scripts below. `whole`
# returns a stored number, nil if it is unreadable. `write` returns an error reply instead of raising it. A server that
# rejects writes rejects the first one of a script, so the writes after it are made or not made with it.
_MARK_SERVED = """
local function whole(text)
  return text and string.match(text, '^%d+$') and #text < 10 and tonumber(text) or nil
end
local function write(...)
  local reply = redis.pcall(...)
  return type(reply) == 'table' and reply.err and reply or nil
end
local function trim_served(served)
  redis.call('LTRIM', served, 0, tonumber(ARGV[2]) - 1)
  redis.call('EXPIRE', served, ARGV[3])
end
local function mark_served(plan, slots, served, base, position, session)
  local served_to = math.max(whole(redis.call('HGET', plan, 'served_to')) or base, base)
  if position <= served_to then return nil end
  local rejection = write('HSET', plan, 'served_to', position)
  if rejection then return rejection end
  for _, slot in ipairs(redis.call('LRANGE', slots, served_to - base, position - base - 1)) do
    local item = string.match(slot, '^%S+')
    if item then redis.call('LPUSH', served, session .. ' ' .. item) end
  end
  trim_served(served)
end
"""

# ARGV: session, max served items, served ttl, start, count, served to, plan ttl (0: unchanged). What is
# left of an unreadable plan is deleted, so that another can replace it. Returns header, exhausted, start, stop, slots,
# and what Redis rejected: the error replies of the marks and of the TTL, or empty strings.
_SLICE = (
    _MARK_SERVED
    + """
local function slice()
  local plan = redis.call('HMGET', KEYS[1], 'header', 'exhausted', 'base', 'short_lived')
  local exhausted, base = whole(plan[2]), whole(plan[3])
  if not (plan[1] and exhausted and base) then
    redis.call('UNLINK', KEYS[1], KEYS[2])
    return false
  end
  local stop = base + redis.call('LLEN', KEYS[2])
  local start = math.max(tonumber(ARGV[4]), base)
  local slots = redis.call('LRANGE', KEYS[2], start - base, start - base + tonumber(ARGV[5]) - 1)
  local position = math.min(math.max(tonumber(ARGV[6]), start), stop)
  local unmarked = mark_served(KEYS[1], KEYS[2], KEYS[3], base, position, ARGV[1])
  local unextended
  if plan[4] == '0' and tonumber(ARGV[7]) > 0 then
    unextended = write('EXPIRE', KEYS[1], ARGV[7]) or write('EXPIRE', KEYS[2], ARGV[7])
  end
  return {plan[1], exhausted, start, stop, slots, unmarked or '', unextended or ''}
end
"""
)

# KEYS: plan, slots, served list. ARGV: as above.
SERVE = Script(_SLICE + "return slice()")

# KEYS: plan, slots, served list, session pointer. ARGV: session, max served items, served ttl, mode, condition,
# pointer, pointer ttl, plan ttl, served to, base, number of slots, slot …, then hash field, value …
# In mode `create` the condition is the expected pointer. In mode `replace` the plan must be lost, and the condition is
# a JSON list of items that the lost plan had served without recording them. Returns an empty string, or the current
# session if the condition does not hold.
CREATE_OR_REPLACE = Script(
    _MARK_SERVED
    + """
if ARGV[4] == 'create' then
  local current = redis.call('GET', KEYS[4]) or ''
  if current ~= ARGV[5] then return current end
  redis.call('SET', KEYS[4], ARGV[6], 'EX', ARGV[7])
elseif redis.call('EXISTS', KEYS[1]) == 1 then
  return ARGV[1]
else
  for _, item in ipairs(cjson.decode(ARGV[5])) do redis.call('LPUSH', KEYS[3], ARGV[1] .. ' ' .. item) end
  trim_served(KEYS[3])
end
local base, number = tonumber(ARGV[10]), tonumber(ARGV[11])
redis.call('DEL', KEYS[1], KEYS[2])
for i = 12, 11 + number do redis.call('RPUSH', KEYS[2], ARGV[i]) end
for i = 12 + number, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('HSET', KEYS[1], 'base', base, 'served_to', base)
redis.call('EXPIRE', KEYS[1], ARGV[8])
redis.call('EXPIRE', KEYS[2], ARGV[8])
mark_served(KEYS[1], KEYS[2], KEYS[3], base, math.min(tonumber(ARGV[9]), base + number), ARGV[1])
return ''
"""
)

# KEYS: plan, slots, served list. ARGV: as for a slice, then expected length, longest ttl, number of slots, slot …,
# hash field, value … Appends only to a plan of the expected length: of two concurrent extensions, the second finds the
# plan longer and appends nothing. Then returns a slice.
APPEND_AND_SERVE = Script(
    _SLICE
    + """
if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('LLEN', KEYS[2]) == tonumber(ARGV[8]) then
  local number = tonumber(ARGV[10])
  for i = 11, 10 + number do redis.call('RPUSH', KEYS[2], ARGV[i]) end
  for i = 11 + number, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
  local ttl = math.min(redis.call('PTTL', KEYS[1]), 1000 * tonumber(ARGV[9]))
  redis.call('PEXPIRE', KEYS[1], ttl)
  redis.call('PEXPIRE', KEYS[2], ttl)
end
return slice()
"""
)
