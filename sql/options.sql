-- training options: the table of them, and what is said about those that cannot be
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE TABLE options_ratings AS
SELECT u AS user_id, i AS item_id, 1 + (u * i + u % 3) % 5 AS rating
FROM generate_series(1, 30) u, generate_series(1, 25) i WHERE (u * 7 + i * 3) % 5 <> 1;

-- every option has a name, a type and a meaning
SELECT option, type, "default", min, max, words FROM lepton_options();
SELECT option, "default" FROM lepton_options('als') EXCEPT SELECT option, "default" FROM lepton_options() ORDER BY option;
SELECT option FROM lepton_options() EXCEPT SELECT option FROM lepton_options('baseline') ORDER BY option;
SELECT option FROM lepton_options('sgd') EXCEPT SELECT option FROM lepton_options('als') ORDER BY option;
SELECT count(*) FROM lepton_options('auto') WHERE coalesce(meaning, '') = '' OR type IS NULL;
SELECT * FROM lepton_options('svd');
SELECT * FROM lepton_options(NULL);

-- a name that is nearly one
SELECT lepton_train('options', 'options_ratings', '{"factor": 8}');
SELECT lepton_train('options', 'options_ratings', '{"regularisation": 8}');
SELECT lepton_train('options', 'options_ratings', '{"Factors": 8}');
SELECT lepton_train('options', 'options_ratings', '{"usercolumn": "x"}');

-- the type is another
SELECT lepton_train('options', 'options_ratings', '{"factors": 3.5}');
SELECT lepton_train('options', 'options_ratings', '{"factors": "8"}');
SELECT lepton_train('options', 'options_ratings', '{"regularization": true}');
SELECT lepton_train('options', 'options_ratings', '{"refit": 1}');
SELECT lepton_train('options', 'options_ratings', '{"algorithm": 1}');
SELECT lepton_train('options', 'options_ratings', '{"user_column": ["user_id"]}');
SELECT lepton_train('options', 'options_ratings', '{"rating_scale": 5}');
SELECT lepton_train('options', 'options_ratings', '{"rating_scale": [1, 2, 5]}');
SELECT lepton_train('options', 'options_ratings', '{"epochs": null}');
SELECT lepton_train('options', 'options_ratings', '{"epochs": {"max": 3}}');
-- 8.0 is a whole number
SELECT details -> 'options' -> 'factors' AS factors FROM lepton_train('options', 'options_ratings', '{"factors": 8.0, "algorithm": "sgd"}');

-- limits, and one beyond
SELECT lepton_train('options', 'options_ratings', '{"factors": 0}');
SELECT lepton_train('options', 'options_ratings', '{"factors": 1025}');
SELECT lepton_train('options', 'options_ratings', '{"factors": 9223372036854775807}');
SELECT lepton_train('options', 'options_ratings', '{"factors": 1e400}');
SELECT lepton_train('options', 'options_ratings', '{"regularization": -0.001}');
SELECT lepton_train('options', 'options_ratings', '{"learning_rate": 0}');
SELECT lepton_train('options', 'options_ratings', '{"test_fraction": 0.91}');
SELECT lepton_train('options', 'options_ratings', '{"rating_scale": [5, 1]}');
SELECT lepton_train('options', 'options_ratings', '{"rating_scale": [3, 3]}');
SELECT lepton_train('options', 'options_ratings', '{"user_column": ""}');
SELECT details -> 'options' -> 'factors' AS factors FROM lepton_train('options', 'options_ratings', '{"factors": 1, "algorithm": "als"}');
SELECT details -> 'options' -> 'seed' AS seed FROM lepton_train('options', 'options_ratings', '{"seed": -9007199254740992, "algorithm": "baseline"}');

-- words
SELECT lepton_train('options', 'options_ratings', '{"algorithm": "svd"}');
SELECT lepton_train('options', 'options_ratings', '{"unknown": "NULL"}');
SELECT lepton_train('options', 'options_ratings', '{"duplicates": ""}');
SELECT lepton_train('options', 'options_ratings', '{"split": "leave one"}');

-- not an option of the algorithm; auto takes them all
SELECT lepton_train('options', 'options_ratings', '{"algorithm": "als", "learning_rate": 0.01}');
SELECT lepton_train('options', 'options_ratings', '{"algorithm": "baseline", "factors": 8}');
SELECT lepton_train('options', 'options_ratings', '{"algorithm": "popular"}');
SELECT algorithm <> 'auto' AS chosen, details -> 'options' -> 'algorithm' = to_jsonb(algorithm) AS shown
FROM lepton_train('options', 'options_ratings', '{"learning_rate": 0.01, "factors": 4}');

-- no object, NULL
SELECT lepton_train('options', 'options_ratings', '[]'::jsonb);
SELECT lepton_train('options', 'options_ratings', '"als"'::jsonb);
SELECT lepton_train('options', 'options_ratings', 'als');
SELECT lepton_train('options', 'options_ratings', NULL::jsonb);
SELECT lepton_train('options', 'options_ratings', NULL::text);
SELECT lepton_train('options', NULL);
SELECT lepton_train(NULL, 'options_ratings');

-- what was given stands in the row as it was given
SELECT options FROM lepton_train('options', 'options_ratings', '{"algorithm": "baseline", "keep": 1, "rating_scale": [0, 10]}');
SELECT options, details -> 'serving' -> 'min' AS min, details -> 'serving' -> 'max' AS max FROM options;
SELECT lepton_drop('options');
DROP TABLE options_ratings;
