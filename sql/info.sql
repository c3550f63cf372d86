-- what answers here
SELECT topic, value IS NOT NULL AS is_known FROM lepton_info();
SELECT (SELECT value FROM lepton_info() WHERE topic = 'version') = extversion AS same FROM pg_extension WHERE extname = 'lepton';
SELECT (SELECT value FROM lepton_info() WHERE topic = 'PostgreSQL') = current_setting('server_version') AS same;
-- the level in use is one of those that run here, and as it was set
SELECT k.value = ANY (string_to_array(l.value, ', ')) AS runs, l.value LIKE 'portable%' AS first
FROM lepton_info() k, lepton_info() l WHERE k.topic = 'kernel' AND l.topic = 'kernels that run here';
SET lepton.kernel = 'portable';
SELECT value FROM lepton_info() WHERE topic = 'kernel';
RESET lepton.kernel;
SET lepton.threads = 1;
SET lepton.cache_size = '100MB';
SELECT topic, value FROM lepton_info() WHERE topic IN ('threads', 'lepton.cache_size') ORDER BY topic;
RESET lepton.threads;
RESET lepton.cache_size;
