-- kstatus, with one difference: an object that is not ready and that nobody is working on is Degraded, not Progressing.
local function health(status, message)
  return { status = status, message = message }
end

if obj.metadata.deletionTimestamp ~= nil then
  return health("Progressing", "It is being deleted")
end
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "The operator has not looked at this version yet")
end

-- By their type: their order means nothing.
local conditions = {}
for _, condition in ipairs(obj.status.conditions or {}) do
  conditions[condition.type] = condition
end

local reconciling = conditions["Reconciling"]
if reconciling ~= nil and reconciling.status == "True" then
  return health("Progressing", reconciling.message)
end
local stalled = conditions["Stalled"]
if stalled ~= nil and stalled.status == "True" then
  return health("Degraded", stalled.message)
end
local ready = conditions["Ready"]
if ready == nil or ready.status == "Unknown" then
  return health("Progressing", ready ~= nil and ready.message or "The first login is under way")
end
if ready.status == "True" then
  return health("Healthy", ready.message)
end
return health("Degraded", ready.message)
