-- the lines of a query's plan that match, what versions of PostgreSQL call a subquery's value said alike
CREATE FUNCTION plan_lines(query text, pattern text DEFAULT 'Aggregate|Gather|Append') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ pattern THEN
			RETURN NEXT trim(leading ' ->' FROM regexp_replace(line, '[$]1|[(]InitPlan (1|expr_1)[)][.]col1', 'the value'));
		END IF;
	END LOOP;
END $$;
